// Decodes manifests of Kubernetes into the types that its API publishes, as strictly as a server does that is asked to
// (`kubectl apply --validate=strict`): a field that the type does not have, in whatever case, a value of another type, a
// quantity that is none or a key that is there twice is an error. What a string may say, and which fields go together, is
// not in the types and not looked at.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	documents "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

func main() {
	failed := false
	for _, path := range os.Args[1:] {
		count, err := check(path)
		if err != nil {
			failed = true
			fmt.Fprintf(os.Stderr, "%s: %v\n", path, err)
			continue
		}
		fmt.Printf("%s: %d objects are of their published types\n", path, count)
	}
	if failed || len(os.Args) < 2 {
		os.Exit(1)
	}
}

// check decodes all objects of a file, and says how many there are.
func check(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	reader := documents.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for count := 0; ; count++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) && count > 0 {
			return count, nil
		}
		if err != nil {
			return count, err
		}
		if err := decode(document); err != nil {
			return count, fmt.Errorf("object %d: %w", count+1, err)
		}
	}
}

// decode reads an object as what it says that it is.
func decode(document []byte) error {
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return err
	}
	var kind meta.TypeMeta
	if err := json.UnmarshalCaseSensitivePreserveInts(text, &kind); err != nil {
		return err
	}
	var object any
	switch kind.APIVersion + " " + kind.Kind {
	case "batch/v1 Job":
		object = &batch.Job{}
	case "v1 PersistentVolumeClaim":
		object = &core.PersistentVolumeClaim{}
	default:
		return fmt.Errorf("nobody has said of what type %s %s is", kind.APIVersion, kind.Kind)
	}
	strict, err := json.UnmarshalStrict(text, object)
	return errors.Join(append(strict, err)...)
}
