package api

import (
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"postern/internal/project"
	"postern/internal/snapshot"
)

// driftAnswer is how files and a project differ.
type driftAnswer struct {
	State    project.DriftState `json:"state"` // "in-sync", "ahead", "behind", "diverged"; blank where the files would be refused
	Base     planSide           `json:"base"`  // the revision that the files come from
	Head     planSide           `json:"head"`
	Fields   []wireDrifted      `json:"fields"`
	Secrets  []wireDriftSecret  `json:"secrets"`
	Warnings []snapshot.Problem `json:"warnings"`
	Details  []snapshot.Problem `json:"details"` // the errors that would refuse an import
	Missing  *missingSecrets    `json:"missingSecrets"`
	Pending  *wirePending       `json:"pending,omitzero"`
}

// wireDrifted is one thing in which files and project differ. The three values
// are those of a field, where it is no list and no secret, and are absent where
// there is none. What each side did is in the differences.
type wireDrifted struct {
	Section  string                `json:"section,omitempty"`
	File     string                `json:"file"`
	Kind     string                `json:"kind,omitempty"`
	ID       string                `json:"id,omitempty"`
	Name     string                `json:"name,omitempty"`
	Field    string                `json:"field,omitempty"` // blank is the whole entity, or file
	Label    string                `json:"label,omitempty"`
	Side     project.Side          `json:"changedIn"` // "files", "server" or "both"
	Hidden   bool                  `json:"hidden,omitzero"`
	Base     jsontext.Value        `json:"inBase,omitzero"`
	Files    jsontext.Value        `json:"inFiles,omitzero"`
	Server   jsontext.Value        `json:"onServer,omitzero"`
	ByFiles  []snapshot.Difference `json:"filesDid"`    // between the base and the files
	ByServer []snapshot.Difference `json:"serverDid"`   // between the base and the head
	By       *wireRevision         `json:"by,omitzero"` // the last revision that changed it on the server
	Action   snapshot.Action       `json:"importWould"` // what an import of the files would do
}

// wireDriftSecret is a secret, without its value.
type wireDriftSecret struct {
	Kind  string              `json:"kind"`
	ID    string              `json:"id"`
	Name  string              `json:"name,omitzero"`
	Field string              `json:"field"`
	State project.SecretState `json:"state"` // what an import of the files would do with it, by its fingerprint
	Side  project.Side        `json:"changedIn"`
	By    *wireRevision       `json:"by,omitzero"`
}

func (s *Server) drift(w http.ResponseWriter, r *http.Request) error {
	in, err := s.readImport(w, r)
	if err != nil {
		return err
	}
	d, err := s.Projects.Drift(r.Context(), in)
	if err != nil {
		return err
	}
	var list []project.Revision
	for _, rev := range d.Revisions {
		list = append(list, rev)
	}
	revisions, err := s.revisionsOnWire(r.Context(), list...)
	if err != nil {
		return err
	}
	by := map[int64]*wireRevision{}
	for i := range revisions {
		by[revisions[i].Number] = &revisions[i]
	}
	return writeJSON(w, http.StatusOK, driftOnWire(d, by))
}

func driftOnWire(d *project.Drift, by map[int64]*wireRevision) driftAnswer {
	out := driftAnswer{
		State: d.State, Base: sideOnWire(d.Base), Head: sideOnWire(d.Head), Missing: missing(d.Missing), Pending: pendingOnWire(d.Pending),
	}
	out.Warnings, out.Details = snapshot.ByLevel(d.Problems)
	for _, f := range d.Fields {
		out.Fields = append(out.Fields, driftedOnWire(f, by[f.By]))
	}
	for _, p := range d.Secrets {
		out.Secrets = append(out.Secrets, wireDriftSecret{Kind: p.Kind, ID: p.ID, Name: p.Name, Field: p.Field, State: p.State, Side: p.Side, By: by[p.By]})
	}
	return out
}

func sideOnWire(r project.Revision) planSide {
	return planSide{Revision: r.Number, Digest: digestOnWire(r.Digest)}
}

// driftedOnWire takes the three values together: a difference has only two.
func driftedOnWire(f project.Drifted, by *wireRevision) wireDrifted {
	out := wireDrifted{
		Section: f.Section, File: f.File, Kind: f.Kind, ID: f.ID, Name: f.Name, Field: f.Field, Label: f.Label, Side: f.Side, Hidden: f.Hidden,
		Files: f.To, Server: f.From, ByFiles: f.InFiles, ByServer: f.OnServer, By: by, Action: f.Action,
	}
	switch f.Side {
	case project.SideServer:
		out.Base = f.To
	case project.SideFiles:
		out.Base = f.From
	case project.SideBoth:
		for _, o := range f.OnServer {
			if o.Field == f.Field {
				out.Base = o.From
			}
		}
	}
	return out
}
