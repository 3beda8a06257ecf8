// Names the licences of files: for each path on standard input, one JSON line with the SPDX
// identifiers that google/licenseclassifier recognises in it, and how sure it is of the least.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"

	"github.com/google/licenseclassifier/v2/assets"
)

type found struct {
	Path       string   `json:"path"`
	Licences   []string `json:"licences"`
	Confidence float64  `json:"confidence"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	classifier, err := assets.DefaultClassifier()
	if err != nil {
		return err
	}
	answers := json.NewEncoder(os.Stdout)
	paths := bufio.NewScanner(os.Stdin)
	for paths.Scan() {
		text, err := os.ReadFile(paths.Text())
		if err != nil {
			return err
		}
		answer := found{Path: paths.Text(), Licences: []string{}, Confidence: 1}
		seen := map[string]bool{}
		for _, match := range classifier.Match(text).Matches {
			// Headers and copyright lines are matches of another type.
			if match.MatchType != "License" {
				continue
			}
			answer.Confidence = min(answer.Confidence, match.Confidence)
			if !seen[match.Name] {
				seen[match.Name] = true
				answer.Licences = append(answer.Licences, match.Name)
			}
		}
		sort.Strings(answer.Licences)
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	return paths.Err()
}
