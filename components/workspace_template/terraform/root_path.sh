# This runs outside of the jail, again and again: by the PATH that Coder's agent gives it, whose first
# folder a jailed agent may write to, it would run what that agent puts there.
found_on=$PATH
PATH=/usr/bin:/bin:/usr/sbin:/sbin
export PATH
