// cilium answers what Cilium's own code makes of a policy: `cilium crd` prints the definition of
// CiliumNetworkPolicy, `cilium check < REQUEST.json > ANSWER.json` reads policies and host patterns.
package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"

	crds "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/client/crds/v2"
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/policy/api"
	"github.com/cilium/cilium/pkg/policy/types"
)

type request struct {
	Policies []v2.CiliumNetworkPolicy `json:"policies"`
	// Entries of toFQDNs, each of which is asked about all names; a name ends with a dot.
	Selectors []api.FQDNSelector `json:"selectors"`
	Names     []string           `json:"names"`
	// Each policy is asked whether it denies them: addresses outside the cluster, at TCP ports.
	Addresses []string `json:"addresses"`
	Ports     []string `json:"ports"`
}

type answer struct {
	// Why Cilium refuses each policy, empty for one that it takes.
	Refused []string `json:"refused"`
	// The names that each selector matches.
	Matches [][]string `json:"matches"`
	// What each policy denies, as ADDRESS PORT.
	Denied [][]string `json:"denied"`
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
	said := answer{Refused: []string{}, Matches: [][]string{}, Denied: [][]string{}}
	for _, policy := range asked.Policies {
		refused := ""
		if policy.Spec == nil {
			refused = "no spec"
		} else if err := policy.Spec.Sanitize(); err != nil {
			refused = err.Error()
		}
		said.Refused = append(said.Refused, refused)
		denied, err := denies(policy.Spec, asked.Addresses, asked.Ports)
		if err != nil {
			return err
		}
		said.Denied = append(said.Denied, denied)
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

// denies returns which addresses a policy denies at which ports, by Cilium's own selectors and the
// labels that it gives an address outside the cluster.
func denies(rule *api.Rule, addresses, ports []string) ([]string, error) {
	denied := []string{}
	if rule == nil {
		return denied, nil
	}
	for _, text := range addresses {
		address, err := netip.ParseAddr(text)
		if err != nil {
			return nil, err
		}
		outside := labels.GetCIDRLabelArray(netip.PrefixFrom(address, address.BitLen()))
		for _, port := range ports {
			for _, each := range rule.EgressDeny {
				if selects(each, outside) && holds(each.ToPorts, port) {
					denied = append(denied, text+" "+port)
					break
				}
			}
		}
	}
	return denied, nil
}

func selects(rule api.EgressDenyRule, outside labels.LabelArray) bool {
	for _, each := range rule.ToCIDR {
		if types.NewCIDRSelector(string(each), each, nil).Matches(outside) {
			return true
		}
	}
	for _, each := range rule.ToCIDRSet {
		if types.NewCIDRSelector(each.SelectorKey(), each.Cidr, each.ExceptCIDRs).Matches(outside) {
			return true
		}
	}
	return false
}

func holds(rules api.PortDenyRules, port string) bool {
	for _, rule := range rules {
		for _, each := range rule.Ports {
			if each.Port == port && each.Protocol == api.ProtoTCP {
				return true
			}
		}
	}
	return false
}
