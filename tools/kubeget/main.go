// Asks an API server for one path as pulumi-kubernetes' provider would, by client-go: the context
// and the path are arguments, the kubeconfig is found by KUBECONFIG. The tests hold
// components/kubeconfig.py to it.
package main

import (
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	_ "k8s.io/client-go/plugin/pkg/client/auth/oidc"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	log.SetFlags(0)
	config, err := configuration(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		log.Fatal(err)
	}
	base, _, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		log.Fatal(err)
	}
	request, err := http.NewRequest(http.MethodGet, base.JoinPath(os.Args[2]).String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		log.Fatal(err)
	}
}

func configuration(context string) (*rest.Config, error) {
	overrides := &clientcmd.ConfigOverrides{CurrentContext: context}
	// What the program hands to the provider: the kubeconfig, where KUBECONFIG holds one itself.
	contents := os.Getenv("KUBECONFIG")
	if !strings.Contains(contents, "\n") && !strings.HasPrefix(contents, "{") {
		rules := clientcmd.NewDefaultClientConfigLoadingRules()
		return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	}
	parsed, err := clientcmd.Load([]byte(contents))
	if err != nil {
		return nil, err
	}
	return clientcmd.NewDefaultClientConfig(*parsed, overrides).ClientConfig()
}
