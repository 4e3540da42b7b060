package api

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/fault"
	"postern/internal/project"
	"postern/internal/snapshot"
)

// What of a change of the custom attributes is refused.
var (
	errAttributeType = fault.New(fault.Invalid, "E011003", "Request is invalid: the type of a custom attribute is a number from 1 to 7 (text, number, boolean, one of options, several of options, date, month and day), or its name")
	errAttributeHere = fault.New(fault.Conflict, "P40960", "there is a custom attribute of this name already")
)

// attributeTypes are the types of custom attributes, by the number that the wire has
// for them, less one.
var attributeTypes = [...]string{"string", "number", "boolean", "singleselect", "multiselect", "date", "monthday"}

// attributeType is a type of custom attributes: a number on the wire. Clients may
// send the name, and none is text.
type attributeType string

func (t attributeType) MarshalJSONTo(enc *jsontext.Encoder) error {
	return enc.WriteToken(jsontext.Int(int64(slices.Index(attributeTypes[:], string(t)) + 1)))
}

func (t *attributeType) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	tok, err := dec.ReadToken()
	if err != nil {
		return err
	}
	text := tok.String()
	if n, err := strconv.Atoi(text); err == nil {
		if n < 0 || n > len(attributeTypes) {
			return errAttributeType
		}
		*t = attributeType(attributeTypes[max(n, 1)-1])
		return nil
	}
	switch {
	case tok.Kind() == 'n' || text == "":
		*t = attributeType(attributeTypes[0])
	case slices.Contains(attributeTypes[:], text):
		*t = attributeType(text)
	default:
		return errAttributeType
	}
	return nil
}

// wireAttribute is a custom attribute of users. A default value is taken and not
// kept: the configuration has no place for it.
type wireAttribute struct {
	Name        string          `json:"name"`
	Type        attributeType   `json:"type"`
	Options     []wireAttribOpt `json:"options"`
	DisplayName string          `json:"displayName"`
	View        []string        `json:"viewPermissions"`
	Edit        []string        `json:"editPermissions"`
	Editable    bool            `json:"editable"`
}

type wireAttribOpt struct {
	Value string `json:"value"`
	Label string `json:"label"`
}

type attributesAnswer struct {
	Data  []wireAttribute `json:"data"`
	Total string          `json:"total"` // a number of 64 bits, which travels as text
}

func (s *Server) userAttributes(ctx context.Context, _ *empty) (*attributesAnswer, error) {
	config, err := s.configOf(ctx)
	if err != nil {
		return nil, err
	}
	out := &attributesAnswer{Data: []wireAttribute{}}
	d := delegateOf(ctx)
	for _, a := range config.Attributes.User {
		if !d.sees(a) {
			continue
		}
		w := wireAttribute{a.Name, attributeType(a.Type), []wireAttribOpt{}, a.DisplayName, list(a.ViewPermissions), list(a.EditPermissions), d.edits(a)}
		for _, o := range a.Options {
			w.Options = append(w.Options, wireAttribOpt(o))
		}
		out.Data = append(out.Data, w)
	}
	out.Total = strconv.Itoa(len(out.Data))
	return out, nil
}

type createAttributesRequest struct {
	Attributes []wireAttribute `json:"attributes"`
}

// createUserAttributes adds custom attributes of users to the configuration, as a
// revision.
func (s *Server) createUserAttributes(ctx context.Context, in *createAttributesRequest) (*attributesAnswer, error) {
	if len(in.Attributes) == 0 {
		return nil, errMember.WithMessage("the body lacks attributes, the custom attributes to make")
	}
	return s.editUserAttributes(ctx, "custom attributes of users added", func(have []jsontext.Value, names []string) ([]jsontext.Value, error) {
		for _, a := range in.Attributes {
			if slices.Contains(names, a.Name) {
				return nil, errAttributeHere.WithMessage(fmt.Sprintf("there is a custom attribute %.40q already", a.Name))
			}
			names = append(names, a.Name)
			made, err := json.Marshal(storedAttribute(a))
			if err != nil {
				return nil, err
			}
			have = append(have, made)
		}
		return have, nil
	})
}

// storedAttribute is an attribute as the file has it.
func storedAttribute(a wireAttribute) project.Attribute {
	out := project.Attribute{Name: a.Name, DisplayName: a.DisplayName, Type: string(a.Type), Options: []project.Option{}, ViewPermissions: list(a.View), EditPermissions: list(a.Edit)}
	if out.DisplayName == "" {
		out.DisplayName = a.Name
	}
	if out.Type == "" {
		out.Type = attributeTypes[0]
	}
	for _, o := range a.Options {
		if o.Label == "" {
			o.Label = o.Value
		}
		out.Options = append(out.Options, project.Option(o))
	}
	return out
}

type deleteAttributesRequest struct {
	Names []string `json:"names"`
}

// deleteUserAttributes takes custom attributes of users out of the configuration.
// The values of users stay, unseen, so that a rollback is whole.
func (s *Server) deleteUserAttributes(ctx context.Context, in *deleteAttributesRequest) (*attributesAnswer, error) {
	return s.editUserAttributes(ctx, "custom attributes of users removed", func(have []jsontext.Value, names []string) ([]jsontext.Value, error) {
		var left []jsontext.Value
		for i, v := range have {
			if !slices.Contains(in.Names, names[i]) {
				left = append(left, v)
			}
		}
		return left, nil
	})
}

// editUserAttributes changes the list of the custom attributes of users; what is
// beside it in the file, and what is in an attribute that nobody knows, stays.
func (s *Server) editUserAttributes(ctx context.Context, message string, edit func(have []jsontext.Value, names []string) ([]jsontext.Value, error)) (*attributesAnswer, error) {
	c := callerOf(ctx)
	err := s.Projects.Edit(ctx, c.Origin, c.Project, message, func(files snapshot.Files) (snapshot.Files, error) {
		document := map[string]jsontext.Value{}
		if b := files[project.AttributesFile]; len(b) > 0 {
			if err := json.Unmarshal(b, &document); err != nil {
				return nil, err
			}
		}
		var have []jsontext.Value
		var names []string
		if v := document["user"]; len(v) > 0 {
			if err := json.Unmarshal(v, &have); err != nil {
				return nil, err
			}
		}
		for _, v := range have {
			var a struct {
				Name string `json:"name"`
			}
			if err := json.Unmarshal(v, &a); err != nil {
				return nil, err
			}
			names = append(names, a.Name)
		}
		left, err := edit(have, names)
		if err != nil || len(left) == len(have) {
			return nil, err
		}
		if document["user"], err = json.Marshal(list(left)); err != nil {
			return nil, err
		}
		b, err := json.Marshal(document, json.Deterministic(true))
		return snapshot.Files{project.AttributesFile: b}, err
	})
	if err != nil {
		return nil, err
	}
	return s.userAttributes(ctx, &empty{})
}
