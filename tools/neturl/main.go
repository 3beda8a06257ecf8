// Reads URLs as Boundary does, with Go's net/url: one JSON string of base64 a line in, one JSON
// object a line out, so that any byte can stand in a URL. The tests hold components/boundary to it.
// A newer Go reads as the release in go.mod does (compared with Go 1.25.9 on 120,000 URLs).
package main

import (
	"bufio"
	"encoding/json"
	"log"
	"net/url"
	"os"
	"strings"
)

type answer struct {
	Host  []byte `json:"host"`
	Path  []byte `json:"path"`
	Error string `json:"error"`
}

func main() {
	in := json.NewDecoder(bufio.NewReader(os.Stdin))
	out := bufio.NewWriter(os.Stdout)
	for in.More() {
		var raw []byte
		if err := in.Decode(&raw); err != nil {
			log.Fatal(err)
		}
		if err := json.NewEncoder(out).Encode(read(string(raw))); err != nil {
			log.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil {
		log.Fatal(err)
	}
}

func read(text string) answer {
	// Boundary takes a URL without a scheme for https.
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	parsed, err := url.Parse(text)
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Host: []byte(parsed.Hostname()), Path: []byte(parsed.Path)}
}
