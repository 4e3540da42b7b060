package api

import (
	"io"
	"net/http"
	"path"
	"reflect"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/edge"
	"postern/internal/snapshot"
)

// An operation is what a route does, and the types of its request and its
// answer, which the description of the API is made from.
type operation struct {
	serve   handler
	in, out reflect.Type
}

// raw describes a handler that reads and writes by itself.
func raw[In, Out any](serve handler) operation {
	return operation{serve: serve, in: reflect.TypeFor[In](), out: reflect.TypeFor[Out]()}
}

// importRequest is what snapshot.Decode reads as a stream.
type importRequest struct {
	Files       map[string]any           `json:"files"`
	Excludes    []string                 `json:"excludes"`
	Secrets     map[string][]inputSecret `json:"inputSecrets"`
	Strict      bool                     `json:"strict"`
	AllowMoved  bool                     `json:"allowMovedSecrets"`
	Weakening   []string                 `json:"allowWeakening"` // codes of risks that are meant
	Message     string                   `json:"message"`
	Plan        string                   `json:"plan"`          // the digest of the plan that the import must be
	Keep        bool                     `json:"keep"`          // of a plan: it is kept for seven days, with a page for somebody else
	Source      snapshot.Source          `json:"source"`        // where the files come from, for the history
	Environment string                   `json:"environment"`   // whose values the placeholders in the files get
	Within      string                   `json:"confirmWithin"` // "10m": goes back by itself unless it is confirmed
	Base        int64                    `json:"base"`          // for drift: the revision that the files come from
}

type inputSecret struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

// exportRequest and exportAnswer are what exportSnapshot takes and writes.
type exportRequest struct {
	Format   string `json:"format"`
	Revision number `json:"revision"` // 0 is the current one
}

type exportAnswer struct {
	Files map[string]any `json:"files"`
}

// object is a JSON object of the description.
type object map[string]any

// openAPI describes the surface of the API, as OpenAPI 3.1.
func openAPI() object {
	c := components{}
	paths := object{}
	failed := object{"description": "An error; see the error reference.", "content": object{"application/json": object{"schema": c.schema(reflect.TypeFor[envelope](), true)}}}
	for _, r := range (&Server{}).routes() {
		item, ok := paths[r.path].(object)
		if !ok {
			item = object{}
			paths[r.path] = item
		}
		item[strings.ToLower(r.method)] = r.describe(c, failed)
	}
	return object{
		"openapi": "3.1.0",
		"info": object{
			"title": "Postern", "version": "1",
			"description": "Keep identity projects as files, and move them between environments. Members that a call does not know are passed over.",
		},
		"servers":  []object{{"url": "/"}},
		"security": []object{{"managementKey": []string{}}},
		"paths":    paths,
		"components": object{
			"schemas": object(c),
			"securitySchemes": object{"managementKey": object{
				"type": "http", "scheme": "bearer",
				"description": "`Bearer <project id>:<management key>`; a call that is not about one project also takes the key alone.",
			}, "person": object{
				"type": "http", "scheme": "bearer",
				"description": "`Bearer <project id>`, and `:<refresh token>` behind it where the call needs a session; the token may come as a cookie.",
			}},
		},
	}
}

func (r route) describe(c components, failed object) object {
	need := "Needs " + r.needs() + "."
	out := object{
		"operationId": strings.ToLower(r.method) + camel(strings.TrimPrefix(r.path, "/v1/")),
		"summary":     r.summary, "description": need, "tags": []string{strings.Split(r.path, "/")[3]},
		"responses": object{
			"200":     object{"description": "Done.", "content": object{"application/json": object{"schema": c.schema(r.serve.out, true)}}},
			"default": failed,
		},
	}
	switch r.access.Scope {
	case edge.Public:
		out["security"] = []object{{}}
	case edge.Anyone, edge.User, edge.Token:
		out["security"] = []object{{"person": []string{}}}
	default:
	}
	list := r.inPath()
	if r.access.InTenant != "" {
		out["security"] = []object{{"managementKey": []string{}}, {"person": []string{}}}
		list = append(list, object{"name": "tenant", "in": "query", "schema": parameter(reflect.String)})
	}
	bodiless := r.method == http.MethodGet || r.method == http.MethodDelete
	if bodiless {
		list = append(list, r.inQuery()...)
	}
	if len(list) > 0 {
		out["parameters"] = list
	}
	if bodiless {
		return out
	}
	out["requestBody"] = object{"content": object{"application/json": object{"schema": c.schema(r.serve.in, false)}}}
	return out
}

// inPath are the parts of the path that a caller fills in.
func (r route) inPath() []object {
	var out []object
	for part := range strings.SplitSeq(r.path, "/") {
		name, isOne := strings.CutPrefix(part, "{")
		if !isOne {
			continue
		}
		name = strings.TrimSuffix(name, "}")
		kind := reflect.String
		for f := range r.serve.in.Fields() {
			if as, _ := member(f); as == name {
				kind = f.Type.Kind()
			}
		}
		out = append(out, object{"name": name, "in": "path", "required": true, "schema": parameter(kind)})
	}
	return out
}

// inQuery are the members of a request that has no body, but for those that the path
// has a place for.
func (r route) inQuery() []object {
	var out []object
	for f := range r.serve.in.Fields() {
		name, _ := member(f)
		kind := f.Type.Kind()
		if name == "" || kind != reflect.String && kind != reflect.Int64 || strings.Contains(r.path, "{"+name+"}") {
			continue
		}
		one := object{"name": name, "in": "query", "schema": parameter(kind)}
		if f.Type == reflect.TypeFor[infraEntity]() {
			one["required"], one["schema"] = true, entities()
		}
		out = append(out, one)
	}
	return out
}

// entities is the schema of the name of what infrastructure as code manages.
func entities() object {
	return object{"type": "string", "enum": entityNames()}
}

// parameter is the schema of a parameter.
func parameter(kind reflect.Kind) object {
	if kind == reflect.Int64 {
		return object{"type": "integer", "minimum": 0}
	}
	return object{"type": "string"}
}

// camel joins the words of a path: "mgmt/project/import" is "MgmtProjectImport",
// and "mgmt/things/{number}" is "MgmtThingsNumber".
func camel(p string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(p, "/") {
		word = strings.Trim(word, "{}")
		if word != "" {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

// components are the schemas of the types by name.
type components map[string]any

// schema describes a type. What is given always has every member that is not
// left out when it is empty; of what is taken, every member may be missing.
func (c components) schema(t reflect.Type, given bool) object {
	switch {
	case t == reflect.TypeFor[jsontext.Value]():
		return object{}
	case t == reflect.TypeFor[infraEntity]():
		return entities()
	case t == reflect.TypeFor[number]():
		return object{"type": []string{"integer", "string", "null"}, "description": "A whole number, or one in a string."}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return c.schema(t.Elem(), given)
	case reflect.Slice:
		return object{"type": "array", "items": c.schema(t.Elem(), given)}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": c.schema(t.Elem(), given)}
	case reflect.Struct:
		return c.structure(t, given)
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int32, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Float64:
		return object{"type": "number"}
	default:
		return object{} // anything
	}
}

func (c components) structure(t reflect.Type, given bool) object {
	name := camel(path.Base(t.Name()))
	if !given {
		name = strings.TrimSuffix(name, "Request") + "Request"
	}
	ref := object{"$ref": "#/components/schemas/" + name}
	if _, ok := c[name]; ok {
		return ref
	}
	out := object{"type": "object"}
	c[name] = out
	properties, required := object{}, []string{}
	for f := range t.Fields() {
		name, optional := member(f)
		if name == "" {
			continue
		}
		properties[name] = c.schema(f.Type, given)
		if given && !optional {
			required = append(required, name)
		}
	}
	if len(properties) > 0 {
		out["properties"] = properties
	}
	if len(required) > 0 {
		out["required"] = required
	}
	return ref
}

// member returns the name that a field has in JSON, or "", and whether it is
// left out when it is empty.
func member(f reflect.StructField) (name string, optional bool) {
	name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
	if name == "-" || !f.IsExported() {
		return "", false
	}
	return name, strings.Contains(options, "omit")
}

// WriteOpenAPI writes the description of the API.
func WriteOpenAPI(w io.Writer) error {
	err := json.MarshalWrite(w, openAPI(), json.Deterministic(true), jsontext.WithIndent("  "))
	if err == nil {
		_, err = io.WriteString(w, "\n")
	}
	return err
}

// openAPIPath is where the description is, for everybody: it tells nothing that
// the documentation does not.
const openAPIPath = "/v1/openapi.json"

func (s *Server) describe(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if err := WriteOpenAPI(w); err != nil {
		s.Log.InfoContext(r.Context(), "description not written", "err", err)
	}
}
