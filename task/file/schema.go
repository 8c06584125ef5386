package file

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Schema is a JSON Schema (draft 2020-12) of the files that Parse and Check
// take, for editors. It is printed from the table that they walk. It refuses
// nothing that they take; what needs more than one field to be seen, such as a
// cycle, only they refuse.
func Schema() []byte {
	defs := schema{}
	anyOf := []any{tasks.schema(defs)}
	file := documents.schema(defs)
	defs["file"].(schema)["minProperties"] = 1
	defs["file"].(schema)["maxProperties"] = 1
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(schema{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "Dewar task file",
		"description": "A task, or a file of tasks or jobs, as dewar run takes it, in YAML or JSON.",
		"anyOf":       append(anyOf, file),
		"$defs":       defs,
	})
	if err != nil {
		panic(fmt.Sprintf("the schema has no JSON: %v", err)) // the table is wrong
	}
	return b.Bytes()
}
