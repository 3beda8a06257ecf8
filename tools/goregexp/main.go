// Matches texts against regular expressions as coderd does, with Go's regexp: one JSON object with
// `patterns` and `texts` in, one JSON list of lists of booleans out, a list for each pattern. The
// tests hold the expressions of components/coder/clone_urls.py to it.
package main

import (
	"encoding/json"
	"log"
	"os"
	"regexp"
)

type question struct {
	Patterns []string `json:"patterns"`
	Texts    []string `json:"texts"`
}

func main() {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		log.Fatal(err)
	}
	answer := make([][]bool, len(asked.Patterns))
	for place, text := range asked.Patterns {
		pattern, err := regexp.Compile(text)
		if err != nil {
			log.Fatal(err)
		}
		answer[place] = make([]bool, len(asked.Texts))
		for index, each := range asked.Texts {
			answer[place][index] = pattern.MatchString(each)
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(answer); err != nil {
		log.Fatal(err)
	}
}
