package store_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"postern/internal/store"
)

// helpers are what the test binary does instead of testing when the variable
// below names one: some tests need another process.
var helpers = map[string]func(ctx context.Context, url string) error{
	"open": func(ctx context.Context, url string) error {
		db, err := store.Open(ctx, url, store.Options{})
		if err != nil {
			return err
		}
		return db.Close()
	},
	"commit with no room to write":            commitWithNoRoom,
	"commit of several with no room to write": commitOfSeveralWithNoRoom,
	"write until killed":                      writeUntilKilled,
}

const helperVariable = "POSTERN_STORE_TEST_HELPER"

func TestMain(m *testing.M) {
	helper := os.Getenv(helperVariable)
	if helper == "" {
		os.Exit(m.Run())
	}
	if err := helpers[helper](context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// command returns the command that runs helper on the database at url.
func command(t *testing.T, helper, url string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], url)
	cmd.Env = append(os.Environ(), helperVariable+"="+helper)
	return cmd
}
