package server

import (
	"log/slog"
	"os"
	"strings"
	"testing"
)

// What is wrong with the certificate is said before the server opens, makes or
// promises anything.
func TestBadCertificateIsRefusedFirst(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, c *Config)
		want  string
	}{
		"swapped files":       {func(_ *testing.T, c *Config) { c.TLSCert, c.TLSKey = c.TLSKey, c.TLSCert }, "are they swapped"},
		"the key of another":  {func(t *testing.T, c *Config) { other := settings(t); certificate(t, &other); c.TLSKey = other.TLSKey }, "of two pairs"},
		"a file that is none": {func(t *testing.T, c *Config) { write(t, c.TLSCert, "none") }, "are not a certificate in PEM and its key"},
		"a file that is gone": {func(_ *testing.T, c *Config) { c.TLSKey += ".gone" }, "the certificate cannot be read: open "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, log := settings(t), &lines{}
			certificate(t, &config)
			tt.spoil(t, &config)
			s, err := New(t.Context(), config, slog.New(slog.NewTextHandler(log, nil)))
			if err == nil {
				_ = s.Close()
				t.Fatal("the server is built")
			}
			if !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "PRIVATE KEY") {
				t.Errorf("New: %v, want %q", err, tt.want)
			}
			for _, file := range []string{config.Database, config.MasterKeyFile} {
				if _, err := os.Stat(file); err == nil {
					t.Errorf("%s was made", file)
				}
			}
			if strings.Contains(log.String(), "serving") {
				t.Errorf("the log promises to serve:\n%s", log)
			}
		})
	}
}
