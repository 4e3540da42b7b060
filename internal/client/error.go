package client

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"postern/internal/snapshot"
)

// An Error is what a server answers instead of a result.
type Error struct {
	Status      int    // of HTTP
	Code        string // "E011008"; empty where the answer was not the wire's
	Description string
	Message     string
	Hint        string
	Details     []snapshot.Problem // what is wrong with a snapshot
	Missing     MissingSecrets     // which secrets a snapshot lacks
	RequestID   string             // to find it in the server's log
	RetryAfter  time.Duration      // how long to wait, where the server says so
}

// Error returns what went wrong, for people.
func (e *Error) Error() string {
	text := e.Message
	if text == "" {
		text = e.Description
	}
	if e.Code != "" {
		text += " [" + e.Code + "]"
	}
	if e.Status >= http.StatusInternalServerError && e.RequestID != "" {
		text += ", request " + e.RequestID
	}
	return text
}

// envelope is the error of the wire, with what our server adds.
type envelope struct {
	ErrorCode        string             `json:"errorCode"`
	ErrorDescription string             `json:"errorDescription"`
	ErrorMessage     string             `json:"errorMessage"`
	Message          string             `json:"message"`
	Hint             string             `json:"hint"`
	Details          []snapshot.Problem `json:"details"`
	MissingSecrets   MissingSecrets     `json:"missingSecrets"`
}

// refused reads an answer that is not a success.
func (c *Client) refused(res *http.Response) error {
	e := &Error{Status: res.StatusCode, RequestID: res.Header.Get("X-Request-Id")}
	if seconds, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil {
		e.RetryAfter = time.Duration(seconds) * time.Second
	}
	if to := res.Header.Get("Location"); to != "" && res.StatusCode < http.StatusBadRequest {
		return c.foreign(res, "it redirects to "+to+"; if that is the right server, name it")
	}
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return c.unreached(err)
	}
	var env envelope
	if err := json.Unmarshal(b, &env); err != nil {
		// Another server may mean something else by "details".
		var plain struct {
			ErrorCode        string `json:"errorCode"`
			ErrorDescription string `json:"errorDescription"`
			ErrorMessage     string `json:"errorMessage"`
			Message          string `json:"message"`
		}
		if err := json.Unmarshal(b, &plain); err != nil {
			return c.foreign(res, "its answer is not the error of this API")
		}
		env = envelope{ErrorCode: plain.ErrorCode, ErrorDescription: plain.ErrorDescription, ErrorMessage: plain.ErrorMessage, Message: plain.Message}
	}
	if env.ErrorCode == "" && env.Message == "" && env.ErrorDescription == "" {
		return c.foreign(res, "its answer is not the error of this API")
	}
	e.Code, e.Description, e.Hint, e.Details, e.Missing = env.ErrorCode, env.ErrorDescription, env.Hint, env.Details, env.MissingSecrets
	if e.Message = env.ErrorMessage; e.Message == "" {
		e.Message = env.Message
	}
	return e
}

// foreign is the error for an answer that no server of this API gives.
func (c *Client) foreign(res *http.Response, what string) error {
	return &Error{
		Status: res.StatusCode, RequestID: res.Header.Get("X-Request-Id"),
		Message: fmt.Sprintf("%s answered %s, and %s", c.base, http.StatusText(res.StatusCode), what),
		Hint:    "is this the address of a Postern server?",
	}
}
