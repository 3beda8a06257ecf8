// Asks an API server for one path as pulumi-kubernetes' provider would, by client-go: the context
// and the path are arguments, the kubeconfig is found by KUBECONFIG. The tests hold
// components/kubeconfig.py to it.
package main

import (
	"io"
	"log"
	"net/http"
	"os"

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
	named := os.Getenv("KUBECONFIG")
	if named == "" {
		rules := clientcmd.NewDefaultClientConfigLoadingRules()
		return clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	}
	contents, err := os.ReadFile(named)
	if err != nil {
		contents = []byte(named)
	}
	parsed, err := clientcmd.Load(contents)
	if err != nil {
		return nil, err
	}
	return clientcmd.NewDefaultClientConfig(*parsed, overrides).ClientConfig()
}
