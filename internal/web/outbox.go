package web

import (
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"postern/internal/connector"
)

// shownKept is how many messages the page of the outbox shows.
const shownKept = 100

type outboxPage struct {
	page
	To       string
	Messages []connector.Kept
	More     bool
}

// outbox shows what the built-in provider kept. There are codes and links in it
// that work: its need is that of an admin.
func (s *Server) outbox(w http.ResponseWriter, v *visit) error {
	cfg, err := s.Projects.Config(v.r.Context(), v.caller.Project)
	if err != nil {
		return err
	}
	p := outboxPage{page: page{Title: "Outbox", Tab: "outbox"}, To: strings.TrimSpace(v.r.URL.Query().Get("to"))}
	if err := s.of(v, &p.page); err != nil {
		return err
	}
	if p.Messages, err = s.Messages.Outbox(v.r.Context(), cfg, p.To, shownKept+1); err != nil {
		return err
	}
	if p.More = len(p.Messages) > shownKept; p.More {
		p.Messages = p.Messages[:shownKept]
	}
	return s.show(w, v, http.StatusOK, "outbox", &p)
}

type keptPage struct {
	page
	connector.Kept
	Links []string
}

// kept returns the message that the path names.
func (s *Server) kept(v *visit) (connector.Kept, error) {
	cfg, err := s.Projects.Config(v.r.Context(), v.caller.Project)
	if err != nil {
		return connector.Kept{}, err
	}
	return s.Messages.OutboxMessage(v.r.Context(), cfg, v.r.PathValue("message"))
}

func (s *Server) outboxMessage(w http.ResponseWriter, v *visit) error {
	k, err := s.kept(v)
	if err != nil {
		return err
	}
	p := keptPage{page: page{Title: "Message", Tab: "outbox"}, Kept: k, Links: links(k)}
	if err := s.of(v, &p.page); err != nil {
		return err
	}
	policy := w.Header().Get("Content-Security-Policy")
	w.Header().Set("Content-Security-Policy", policy+"; frame-src 'self'")
	return s.show(w, v, http.StatusOK, "message", &p)
}

// htmlPolicy is that of the HTML of a message, which is not ours. It is drawn in a
// frame with an origin of its own: no script runs, nothing is fetched, no form is
// sent, and no link leads away.
const htmlPolicy = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"

func (s *Server) outboxHTML(w http.ResponseWriter, v *visit) error {
	k, err := s.kept(v)
	if err != nil {
		return err
	}
	if k.HTML == "" {
		return errNoPage
	}
	w.Header().Set("Content-Security-Policy", htmlPolicy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(k.HTML)) // whoever does not read any more has gone
	return nil
}

// links returns the links of a message, since those of the frame lead nowhere.
func links(k connector.Kept) []string {
	var out []string
	for _, link := range regexp.MustCompile(`https?://[^\s"'<>]+`).FindAllString(k.Text+" "+html.UnescapeString(k.HTML), -1) {
		if link = strings.TrimRight(link, ".,;:!?)"); !slices.Contains(out, link) {
			out = append(out, link)
		}
	}
	return out
}
