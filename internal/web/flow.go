package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"

	"postern/internal/project"
	"postern/internal/snapshot"
)

// A flowView is a flow with its picture.
type flowView struct {
	snapshot.Flow
	Picture picture
}

// Marked is how many steps are not as they were.
func (f flowView) Marked() int {
	n := 0
	for _, s := range f.Steps {
		if s.Action != "" {
			n++
		}
	}
	return n
}

// Called is how people know a step, for the list of the ways.
func (f flowView) Called(key string) string {
	for _, s := range f.Steps {
		if s.Key == key {
			return cmp.Or(s.Name, s.Key)
		}
	}
	return key
}

func drawnFlows(list []snapshot.Flow) []flowView {
	var out []flowView
	for _, f := range list {
		out = append(out, flowView{f, draw(f)})
	}
	return out
}

// flowsBetween returns the flows that differ between two revisions.
func (s *Server) flowsBetween(v *visit, from, to int64) ([]flowView, error) {
	was, now, err := s.bothFiles(v, from, to)
	if err != nil {
		return nil, err
	}
	list := slices.DeleteFunc(snapshot.Flows(was, now), func(f snapshot.Flow) bool { return f.Action == "" })
	return drawnFlows(list), nil
}

func (s *Server) bothFiles(v *visit, from, to int64) (was, now snapshot.Files, err error) {
	if was, _, err = s.Projects.ExportRevision(v.r.Context(), v.caller.Project, from, snapshot.FormatPlain); err != nil {
		return nil, nil, err
	}
	now, _, err = s.Projects.ExportRevision(v.r.Context(), v.caller.Project, to, snapshot.FormatPlain)
	return was, now, err
}

type flowsPage struct {
	page
	Flows []snapshot.Flow
}

func (s *Server) flows(w http.ResponseWriter, v *visit) error {
	p := flowsPage{page: page{Title: "Flows", Tab: "flows"}}
	if err := s.of(v, &p.page); err != nil {
		return err
	}
	files, _, err := s.Projects.Export(v.r.Context(), v.caller.Project, snapshot.FormatPlain)
	if err != nil {
		return err
	}
	p.Flows = snapshot.Flows(files, files)
	return s.show(w, v, http.StatusOK, "flows", &p)
}

type flowPage struct {
	page
	Flow     flowView
	Revision int64
	Since    int64   // the revision that it is compared with; 0 is none
	Others   []int64 // that it can be compared with
}

// flow shows one flow as it is now, with what changed since an older revision.
func (s *Server) flow(w http.ResponseWriter, v *visit) error {
	p := flowPage{page: page{Tab: "flows"}}
	if err := s.of(v, &p.page); err != nil {
		return err
	}
	p.Revision = p.Project.Head
	since, err := strconv.ParseInt(cmp.Or(v.r.URL.Query().Get("since"), "0"), 10, 64)
	if err != nil || since < 0 {
		return project.ErrNoRevision
	}
	was, now, err := s.bothFiles(v, cmp.Or(since, p.Revision), p.Revision)
	if err != nil {
		return err
	}
	p.Since = since
	h, err := s.Projects.Revisions(v.r.Context(), v.caller.Project, p.Revision, perPage)
	if err != nil {
		return err
	}
	for _, r := range h.Revisions {
		p.Others = append(p.Others, r.Number)
	}
	for _, f := range snapshot.Flows(was, now) {
		if f.Folder == v.r.URL.Query().Get("folder") {
			p.Flow, p.Title = flowView{f, draw(f)}, f.Name
			return s.show(w, v, http.StatusOK, "flow", &p)
		}
	}
	return errNoPage
}
