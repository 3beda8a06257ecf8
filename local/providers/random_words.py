"""Words for RandomPet: adverbs and an adjective before the name of an animal."""

from typing import Final

_ADVERBS = """
ably aptly boldly briefly brightly calmly carefully cheerfully clearly cleverly closely
commonly correctly daily deeply directly duly eagerly early easily equally evenly exactly
fairly finely firmly formally fully gently gladly globally gradually happily highly honestly
humbly ideally jointly justly kindly largely lightly likely loosely loudly mainly merely
mildly mostly mutually nearly neatly newly openly overly partly plainly politely promptly
properly purely quickly quietly rapidly rarely readily really richly rightly roughly safely
sharply simply singly smoothly softly solely steadily strongly suitably surely sweetly
swiftly terribly thoroughly tightly totally truly usually vastly warmly wholly widely wisely
"""
ADVERBS: Final = tuple(_ADVERBS.split())

_ADJECTIVES = """
able active alert ample apt aware bold brave bright brisk calm capable careful charming
cheerful civil clean clear clever cosmic crisp curious dashing decent deep direct eager
early easy eminent enabled engaged equal exact fair famous fast fine firm fit flexible fluent
fond frank fresh full gentle genuine giving glad golden good graceful grand grateful great
growing happy hardy hearty helpful honest humble ideal immense innocent just keen kind large
learning light literate lively logical loyal lucky major merry mighty modern modest moved
natural neat new nice noble normal open organic patient perfect playful pleasant polite
prompt proper proud pure quick quiet rapid rare ready refined relaxed rested rich right robust
safe secure select sharp shining simple sincere smart smooth social solid sound stable steady
still strong suitable sunny super sure sweet swift tender thankful tidy tight top touching
true trusted up upright usable valid vast viable vital warm welcome well whole willing wise
"""
ADJECTIVES: Final = tuple(_ADJECTIVES.split())

_NAMES = """
adder airedale alpaca amoeba anchovy ant antelope asp badger bass bat beagle bear beetle
bengal bird bison bluebird boar boxer buck buffalo bull bunny burro calf camel cardinal
caribou cat caiman cheetah chicken chipmunk clam cobra cod collie colt condor coral corgi
cougar cow cowbird coyote crab crane crappie crawdad cricket crow cub dane deer dingo dodo doe
dog dolphin dory dove dragon drake drum duck duckling eagle earwig eel eft egret elephant elf
elk emu escargot ewe falcon fawn feline ferret filly finch firefly fish flea flounder fly foal
fowl fox frog gannet gar gator gazelle gecko gelding ghost gibbon glider gnat gnu goat goblin
goldfish goose gorilla grackle griffon grouper grouse grub guinea gull guppy haddock hagfish
halibut hamster hare hawk hedgehog hen hermit heron herring hog honeybee hookworm hornet horse
hound humpback husky hyena ibex iguana imp impala insect jackal jaguar jawfish jay jaybird
jennet joey katydid kid killdeer kingfish kit kite kitten kiwi koala kodiak koi krill lab
"""
NAMES: Final = tuple(_NAMES.split())
