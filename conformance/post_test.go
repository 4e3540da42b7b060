package conformance

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// A postOffice takes the messages of all projects of a run, and keeps them until somebody asks: it is a mail server, a
// gateway for text messages and calls of no provider in particular, and one that looks like Twilio. The suites in other
// languages ask by HTTP.
type postOffice struct {
	mail, web net.Listener

	mu       sync.Mutex
	messages map[pigeonhole][]string // the texts that were not taken yet
	came     *sync.Cond
}

// A pigeonhole has the messages of one kind ("email", "sms", "voice", "whatsapp") from one sender to one address. Every
// project has a sender of its own, so that Ann of one gets nothing that is for Ann of another.
type pigeonhole struct{ sender, kind, to string }

var post *postOffice

func openPost() (*postOffice, error) {
	o := &postOffice{messages: map[pigeonhole][]string{}}
	o.came = sync.NewCond(&o.mu)
	var err error
	if o.mail, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if o.web, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	go o.takeMails()
	go func() { _ = http.Serve(o.web, o.routes()) }()
	return o, nil
}

func (o *postOffice) close() {
	_ = o.mail.Close()
	_ = o.web.Close()
}

func (o *postOffice) url() string { return "http://" + o.web.Addr().String() }

func (o *postOffice) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /gateway/{sender}", o.gateway)
	mux.HandleFunc("POST /2010-04-01/Accounts/{sender}/{what}", o.twilio)
	mux.HandleFunc("GET /messages/{sender}/{kind}/{to}", func(w http.ResponseWriter, r *http.Request) {
		text, err := o.take(r.Context(), pigeonhole{r.PathValue("sender"), r.PathValue("kind"), r.PathValue("to")})
		if err != nil {
			http.Error(w, err.Error(), http.StatusNotFound)
			return
		}
		_, _ = w.Write([]byte(text))
	})
	return mux
}

// gateway takes what the connector generic-sms-gateway posts.
func (o *postOffice) gateway(w http.ResponseWriter, r *http.Request) {
	var in struct{ Recipient, Body, Kind string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("Authorization") != "Bearer gateway-token" {
		http.Error(w, "not a message, or not from a friend", http.StatusBadRequest)
		return
	}
	o.put(pigeonhole{r.PathValue("sender"), in.Kind, in.Recipient}, in.Body)
}

// twilio takes what the connector twilio-core posts: a form with the text, or with what a call says.
func (o *postOffice) twilio(w http.ResponseWriter, r *http.Request) {
	account, token, _ := r.BasicAuth()
	in := pigeonhole{sender: r.PathValue("sender"), kind: "sms", to: r.FormValue("To")}
	if account != in.sender || token != "twilio-token" {
		http.Error(w, `{"code":20003,"message":"Authenticate"}`, http.StatusUnauthorized)
		return
	}
	text := r.FormValue("Body")
	if number, ok := strings.CutPrefix(in.to, "whatsapp:"); ok {
		in.kind, in.to = "whatsapp", number
	}
	if r.PathValue("what") == "Calls.json" {
		var said struct{ Say string }
		if err := xml.Unmarshal([]byte(r.FormValue("Twiml")), &said); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		in.kind, text = "voice", strings.ReplaceAll(said.Say, ", ", "") // a code is said digit by digit
	}
	o.put(in, text)
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write([]byte(`{"sid":"SM0","status":"queued"}`))
}

func (o *postOffice) put(in pigeonhole, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.messages[in] = append(o.messages[in], text)
	o.came.Broadcast()
}

// take waits for a message and returns its text.
func (o *postOffice) take(ctx context.Context, from pigeonhole) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.came.Broadcast()
	})()
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.messages[from]) == 0 {
		if ctx.Err() != nil {
			return "", fmt.Errorf("no %s came to %s: %w", from.kind, from.to, ctx.Err())
		}
		o.came.Wait()
	}
	text := o.messages[from][0]
	o.messages[from] = o.messages[from][1:]
	return text, nil
}

// message returns the next message to an address. One with an @ is a mail; before a number stands how it comes, as in
// "voice:+12025550143".
func (p *place) message(t *testing.T, to string) string {
	t.Helper()
	kind, number, ok := strings.Cut(to, ":")
	if !ok {
		kind, number = "email", to
	}
	text, err := post.take(t.Context(), pigeonhole{p.sender, kind, number})
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(text, "&amp;", "&")
}

var (
	codePattern = regexp.MustCompile(`\b[0-9]{6}\b`)
	linkPattern = regexp.MustCompile(`https://[^\s"'<>()]*[?&]t=[A-Za-z0-9._~%-]+`)
)

// code returns the code of the next message to an address.
func (p *place) code(t *testing.T, to string) string {
	t.Helper()
	return found(t, p.message(t, to), codePattern)
}

// token returns what the link of the next message to an address carries.
func (p *place) token(t *testing.T, to string) string {
	t.Helper()
	return token(t, found(t, p.message(t, to), linkPattern))
}

func found(t *testing.T, text string, what *regexp.Regexp) string {
	t.Helper()
	first := what.FindString(text)
	if first == "" {
		t.Fatalf("there is no %s in %q", what, text)
	}
	return first
}

// token returns what a link carries.
func token(t *testing.T, link string) string {
	t.Helper()
	_, after, ok := strings.Cut(link, "t=")
	if !ok {
		t.Fatalf("no token in %s", link)
	}
	value, _, _ := strings.Cut(after, "&")
	return value
}
