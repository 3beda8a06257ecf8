// cilium answers what Cilium's own code makes of a policy: `cilium crd` prints the definition of
// CiliumNetworkPolicy, `cilium check < REQUEST.json > ANSWER.json` reads policies and host patterns.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	crds "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client/crds/v2"
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/policy/api"
)

type request struct {
	Policies []v2.CiliumNetworkPolicy `json:"policies"`
	// Entries of toFQDNs, each of which is asked about all names; a name ends with a dot.
	Selectors []api.FQDNSelector `json:"selectors"`
	Names     []string           `json:"names"`
}

type answer struct {
	// Why Cilium refuses each policy, empty for one that it takes.
	Refused []string `json:"refused"`
	// The names that each selector matches.
	Matches [][]string `json:"matches"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 1 && arguments[0] == "crd" {
		definition, err := crds.EmbedFS.ReadFile("ciliumnetworkpolicies.yaml")
		if err != nil {
			return err
		}
		_, err = os.Stdout.Write(definition)
		return err
	}
	var asked request
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	said := answer{Refused: []string{}, Matches: [][]string{}}
	for _, policy := range asked.Policies {
		refused := ""
		if policy.Spec == nil {
			refused = "no spec"
		} else if err := policy.Spec.Sanitize(); err != nil {
			refused = err.Error()
		}
		said.Refused = append(said.Refused, refused)
	}
	for _, selector := range asked.Selectors {
		expression, err := selector.ToRegex()
		if err != nil {
			return err
		}
		matched := []string{}
		for _, name := range asked.Names {
			if expression.MatchString(name) {
				matched = append(matched, name)
			}
		}
		said.Matches = append(said.Matches, matched)
	}
	return json.NewEncoder(os.Stdout).Encode(said)
}
