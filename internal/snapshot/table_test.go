package snapshot

import (
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// each visits the compiled schema of a name and every one below it, with words
// for where it stands.
func each(name string, visit func(where string, w keywords)) {
	seen := map[*jsonschema.Schema]bool{}
	eachSchema(schemas().compiled[name], seen, func(s *jsonschema.Schema) {
		for _, e := range s.Extensions {
			if _, ok := e.(ext); ok {
				visit(fmt.Sprint(s.Location), keywordsOf(s))
			}
		}
	})
}
