package fault_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/fault"
)

var errTaken = fault.New(fault.Conflict, "P40999", "the name is taken")

func TestFrom(t *testing.T) {
	t.Parallel()
	detailed := errTaken.With([]string{"a"})
	tests := []struct {
		name string
		err  error
		want *fault.Error
	}{
		{"no error", nil, nil},
		{"an error that is no fault tells nothing", errors.New("pq: password is hunter2"), fault.ErrInternal},
		{"a fault", errTaken, errTaken},
		{"a wrapped fault", fmt.Errorf("create: %w", errTaken), errTaken},
		{"a fault wrapped beside its cause", fmt.Errorf("%w: %w", errTaken, errors.New("disk")), errTaken},
		{"the outermost of two", fmt.Errorf("%w: %w", detailed, fault.ErrInternal), detailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, fault.From(tt.err), cmp.Comparer(samePointer)); diff != "" {
				t.Errorf("From (-want +got):\n%s", diff)
			}
		})
	}
}

func samePointer(a, b *fault.Error) bool { return a == b }

func TestCopiesStayTheDeclaredError(t *testing.T) {
	t.Parallel()
	c := errTaken.With(7).WithMessage("“x” is taken").WithHint("choose another")
	want := &fault.Error{Kind: fault.Conflict, Code: "P40999", Message: "“x” is taken", Hint: "choose another", Details: 7}
	type fields fault.Error // without methods, so that cmp looks inside
	if diff := cmp.Diff((*fields)(want), (*fields)(c)); diff != "" {
		t.Errorf("copy (-want +got):\n%s", diff)
	}
	if !errors.Is(fmt.Errorf("create: %w", c), errTaken) {
		t.Error("a copy is no longer the error that was declared")
	}
	if errors.Is(c, fault.ErrInternal) {
		t.Error("two codes count as one error")
	}
	if errTaken.Details != nil || errTaken.Hint != "" || errTaken.Message != "the name is taken" {
		t.Errorf("a With method changed the declared error: %+v", *errTaken)
	}
}

func TestKindString(t *testing.T) {
	t.Parallel()
	seen := map[string]fault.Kind{}
	for k := fault.Internal; k <= fault.Unknown; k++ {
		s := k.String()
		if was, ok := seen[s]; ok || s == "" {
			t.Errorf("kinds %d and %d are both called %q", was, k, s)
		}
		seen[s] = k
	}
	for _, k := range []fault.Kind{-1, fault.Unknown + 1} {
		if got := k.String(); got != "internal" {
			t.Errorf("Kind(%d) = %q, want internal", k, got)
		}
	}
	if fault.Unknown.String() != "unknown" || fault.NotFound.String() != "not found" {
		t.Errorf("names are shifted: %q, %q", fault.Unknown, fault.NotFound)
	}
}
