package main

import (
	"fmt"
	"io"
	"strings"

	"postern/internal/api"
)

// apiHead is what the table of routes does not say.
const apiHead = `# API reference

Generated from the table of routes by ` + "`go run ./internal/tools/reference`" + `; do not edit it.

A caller shows ` + "`Authorization: Bearer <project id>:<management key>`" + `. A call that is not about one project also takes the key
alone. Some calls a user makes, too, for a tenant: ` + "`Bearer <project id>:<refresh token>`" + ` and ` + "`?tenant=`" + `. Where any management key may call, the call itself looks at what the key may do: making or cloning a project asks
for an admin key for all projects, lists hold what the key may see, and a key manages the keys whose every role lies in
projects where it is an admin. What a call answers when it refuses is in [errors.md](errors.md); what a snapshot may hold is in
[snapshot.md](snapshot.md). [openapi.json](openapi.json) describes the calls with their bodies, as OpenAPI 3.1; the server has it
at ` + "`/v1/openapi.json`" + `.

| Call | What it does | Who may call it |
|---|---|---|
`

// writeAPI writes the surface of the API.
func writeAPI(w io.Writer, _ string) error {
	var b strings.Builder
	b.WriteString(apiHead)
	for _, r := range api.Routes() {
		fmt.Fprintf(&b, "| `%s %s` | %s | %s |\n", r.Method, r.Path, cell(r.Summary), cell(r.Access))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell makes a text fit for a cell of a table.
func cell(s string) string { return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s) }
