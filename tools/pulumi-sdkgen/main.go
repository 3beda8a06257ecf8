// pulumi-sdkgen writes the Python SDK of one package schema with Pulumi's own generator.
//
// usage: pulumi-sdkgen SCHEMA.json FOLDER
//
// FOLDER must be empty or absent. No plugin and no network is used, so the schema must not refer
// to another package.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2"
	"github.com/pulumi/pulumi/pkg/v3/codegen/python"
	"github.com/pulumi/pulumi/pkg/v3/codegen/schema"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: pulumi-sdkgen SCHEMA.json FOLDER")
		os.Exit(2)
	}
	if err := generate(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "pulumi-sdkgen: %v\n", err)
		os.Exit(1)
	}
}

func generate(source, folder string) error {
	text, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	var spec schema.PackageSpec
	if err := json.Unmarshal(text, &spec); err != nil {
		return fmt.Errorf("%s is no package schema: %w", source, err)
	}
	pkg, problems, err := schema.BindSpec(spec, schema.NewNullLoader(), schema.ValidationOptions{})
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	// A warning is refused as well: it says that the SDK would not be what the schema means.
	if len(problems) > 0 {
		return fmt.Errorf("%s: %w", source, diagnostics(problems))
	}
	files, err := python.GeneratePackage("pulumi-sdkgen", pkg, nil, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	if err := refuseContent(folder); err != nil {
		return err
	}
	for name, content := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

func diagnostics(problems hcl.Diagnostics) error {
	var all []error
	for _, problem := range problems {
		all = append(all, problem)
	}
	return errors.Join(all...)
}

func refuseContent(folder string) error {
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty", folder)
	}
	return nil
}
