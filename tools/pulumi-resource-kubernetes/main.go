// pulumi-resource-kubernetes is pulumi-kubernetes' own provider, for machines that cannot download
// the plugin.
//
// It calls itself what schema.json says, the version that the Python package asks for, because the
// engine takes no other. Its code is the newest that the Go module proxy has of it.
package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

//go:embed schema.json
var schema []byte

func main() {
	var about struct{ Name, Version string }
	if err := json.Unmarshal(schema, &about); err != nil {
		fmt.Fprintf(os.Stderr, "pulumi-resource-kubernetes: schema.json: %v\n", err)
		os.Exit(1)
	}
	// The mapping is for conversions of Terraform's language, which nothing here asks for.
	provider.Serve(about.Name, about.Version, schema, []byte("{}"))
}
