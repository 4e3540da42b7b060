package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"postern/internal/project"
	"postern/internal/snapshot"
)

// of gives a page the project that it is about.
func (s *Server) of(v *visit, p *page) error {
	about, err := s.Projects.Get(v.r.Context(), v.caller.Project)
	if err != nil {
		return err
	}
	p.Project = &about
	return nil
}

// number is the revision that the path names.
func (v *visit) number() (int64, error) {
	n, err := strconv.ParseInt(v.r.PathValue("number"), 10, 64)
	if err != nil || n <= 0 {
		return 0, project.ErrNoRevision
	}
	return n, nil
}

// form reads a form without an upload.
func (v *visit) form(w http.ResponseWriter) error {
	v.r.Body = http.MaxBytesReader(w, v.r.Body, maxSmall)
	if err := v.r.ParseForm(); err != nil {
		return formError(err)
	}
	return nil
}

type projectRow struct {
	project.Project
	Pending *project.Pending
	Role    string
}

type projectsPage struct {
	page
	Projects []projectRow
}

func (s *Server) projects(w http.ResponseWriter, v *visit) error {
	all, err := s.Projects.List(v.r.Context())
	if err != nil {
		return err
	}
	waiting, err := s.Projects.Waiting(v.r.Context())
	if err != nil {
		return err
	}
	p := projectsPage{page: page{Title: "Projects"}}
	ids, whole := v.caller.Key.Projects()
	for _, one := range all {
		if !whole && !slices.Contains(ids, one.ID) {
			continue
		}
		row := projectRow{Project: one, Role: v.caller.Key.RoleIn(one.ID).String()}
		if w, ok := waiting[one.ID]; ok {
			row.Pending = &w
		}
		p.Projects = append(p.Projects, row)
	}
	slices.SortStableFunc(p.Projects, func(a, b projectRow) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return s.show(w, v, http.StatusOK, "projects", &p)
}

// perPage is how many revisions or records a page has.
const perPage = 50

// A moment is a revision on the timeline.
type moment struct {
	project.Revision
	By    string
	Head  bool
	Title string
}

type timelinePage struct {
	page
	Moments []moment
	Pending *project.Pending
	Older   int64 // the number to go on before, or 0
	Newest  bool  // it begins with the head
	Oldest  int64
}

func (s *Server) timeline(w http.ResponseWriter, v *visit) error {
	before, err := strconv.ParseInt(cmp.Or(v.r.URL.Query().Get("before"), "0"), 10, 64)
	if err != nil {
		return errNoPage
	}
	p := timelinePage{page: page{Title: "History", Tab: "history"}, Newest: before == 0}
	if err := s.of(v, &p.page); err != nil {
		return err
	}
	h, err := s.Projects.Revisions(v.r.Context(), v.caller.Project, before, perPage)
	if err != nil {
		return err
	}
	p.Pending, p.Oldest = h.Pending, h.Oldest
	if h.More {
		p.Older = h.Revisions[len(h.Revisions)-1].Number
	}
	p.Moments, err = s.moments(v, p.Project.Head, h.Revisions...)
	if err != nil {
		return err
	}
	return s.show(w, v, http.StatusOK, "timeline", &p)
}

// moments names the authors of revisions.
func (s *Server) moments(v *visit, head int64, list ...project.Revision) ([]moment, error) {
	var ids []string
	for _, r := range list {
		ids = append(ids, r.Author)
	}
	names, err := s.Keys.Names(v.r.Context(), ids)
	if err != nil {
		return nil, err
	}
	var out []moment
	for _, r := range list {
		first, _, _ := strings.Cut(r.Message, "\n")
		out = append(out, moment{r, cmp.Or(names[r.Author], r.Author), r.Number == head, cmp.Or(strings.TrimSpace(first), kindTitle(r.Kind))})
	}
	return out, nil
}

func kindTitle(k project.Kind) string {
	for _, i := range project.Kinds {
		if i.Kind == k {
			return strings.TrimSuffix(i.Title, ".")
		}
	}
	return string(k)
}

type revisionPage struct {
	page
	Moment     moment
	Kind       string
	ParentGone bool
	Pending    *project.Pending
	Sections   []*sectionView
	Flows      []flowView
}

// doneWords say what led to the page of a revision.
var doneWords = map[string]string{
	"applied": "The import was applied.", "confirmed": "The revision stays.", "back": "The project is what it was.",
}

func (s *Server) revision(w http.ResponseWriter, v *visit) error {
	number, err := v.number()
	if err != nil {
		return err
	}
	p := revisionPage{page: page{Title: "Revision " + strconv.FormatInt(number, 10), Tab: "history", Done: doneWords[v.r.URL.Query().Get("done")]}}
	if err := s.of(v, &p.page); err != nil {
		return err
	}
	shown, err := s.Projects.Revision(v.r.Context(), v.caller.Project, number)
	if err != nil {
		return err
	}
	list, err := s.moments(v, p.Project.Head, shown.Revision)
	if err != nil {
		return err
	}
	p.Moment, p.Kind, p.ParentGone, p.Pending = list[0], kindTitle(shown.Kind), shown.ParentGone, shown.Pending
	p.Sections = sectionsOf(shown.Differences)
	if !shown.ParentGone && shown.Parent > 0 {
		if p.Flows, err = s.flowsBetween(v, shown.Parent, number); err != nil {
			return err
		}
	}
	return s.show(w, v, http.StatusOK, "revision", &p)
}

// export sends the files of the project as an archive.
func (s *Server) export(w http.ResponseWriter, v *visit) error {
	files, rev, err := s.Projects.Export(v.r.Context(), v.caller.Project, snapshot.FormatSplit)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/zip")
	h.Set("Content-Disposition", `attachment; filename="`+v.caller.Project+"-"+strconv.FormatInt(rev.Number, 10)+`.zip"`)
	if _, err := snapshot.WriteZip(w, files); err != nil {
		s.log(v).InfoContext(v.r.Context(), "export not written to its end", "err", err)
		panic(http.ErrAbortHandler) // half an archive must not look like a whole one
	}
	return nil
}

// left says how long it is until a revision goes back by itself.
func left(p *project.Pending) string {
	if d := time.Until(p.At).Round(time.Minute); d > time.Minute {
		return d.String()[:len(d.String())-2] // without the seconds, which are none
	}
	return "less than a minute"
}
