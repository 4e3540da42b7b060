package store_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"postern/internal/store"
	"postern/internal/testkit"
)

// landed holds the SHA-256 of each migration that may have run somewhere. Such a
// file is never changed, for it would not run again: add one that mends it.
var landed = map[string]string{
	"0001_init.sql":               "53722c0a46c0988aeda6505331bf3891a53b5de33df90710772c59de03181c9c",
	"0002_operate.sql":            "6c474041b925a4bb6ced9723c5b64a9bbdd679d3caf64b5c55f36248437d112a",
	"0003_audit_chain.sql":        "e34f2b0e53c63250da72c454989552aa9cae5e17c64600a557e91b03a0119c61",
	"0004_revisions.sql":          "a1625b1e5c3bc96874a3790e7a49d982200dcefa840218695c3d253eb3c791b3",
	"0005_fingerprints.sql":       "005ddd96dec5aaf17dd9d3c6248966f02d9d6b46fec33311c046e9581b788eaa",
	"0006_import_keys.sql":        "f157c4988760f8e8d0e90e9ed8ac202b788694121d7c4b3e5e18b4dfaa9aca7e",
	"0007_policies.sql":           "e32db173ad5ebb1f128ffb4c254da399b7a8a23ad8642394f377076b58b82db7",
	"0008_approvals.sql":          "2be3497e68d4721bf5122ae9865c7da43606c7f424abdd23b29ef9a74c78f0a8",
	"0009_users.sql":              "30c8de34bad90030da5c0a2d3d93f526461f387b6ec7fe00db1334a12bcf57be",
	"0010_sessions.sql":           "951b95a59d5b658876540932bdd12c152d745b69f346ec23b3e6971702d12779",
	"0011_tenants.sql":            "d0f7026aeeba51b0e6ec2a031eb508ac676f43d5a00c1c11b5bd6e2811019d03",
	"0012_challenges.sql":         "8dbf4da6991b3ed354a1ec8a4ab7c036278ef71a7bf59d058a6a4aac03c763ff",
	"0013_outbox.sql":             "146783a3933e051ecb36fb3626b05a5c222999bc220eb1e0434e6d631f62f3d8",
	"0014_passwords.sql":          "d32d250b955cb7d20c800f9c60c8866775245c2e267b18c3c214a212156cdace",
	"0015_factors.sql":            "2e64b803ed0d06ef96eda4d74a4630c560d7cfa9661fec23d1917df309ea3693",
	"0016_limits.sql":             "4ef024a8bdbbfcb1d4cd64ee3108c165d2f44b108a4a8f48a50a3b540e8c2628",
	"0017_attributes.sql":         "523ac09c20d20de5d6c341e5efaf0dd48c461a894bd916c316f4633cb1866586",
	"0018_members.sql":            "414f70a9fbce598d2e35c0c4af98ead9841f968d605caf1b59b11bf3bfe529b6",
	"0019_unproven.sql":           "c609eda2aaeb4dca098164907d3faef8b911273b0e510c2219e42e519978651e",
	"0020_proposals.sql":          "890434839d29aab24528401bc159ae43c002139ca5af1e0ec4f6d86362d870ac",
	"0021_bounds.sql":             "5c62454d02420bd85b932fcc066d03cf0ce012d570306ec72782ea6a3286d41b",
	"0022_trusted_devices.sql":    "cb6368bdf7a73c0edf5a2e97d2459a7ba7c98401006efddc139a62903b278ddd",
	"0023_polled.sql":             "031ba5005d418ae363ccf28b837e0eb294bd3ecff543904f19bdcee417e5dece",
	"0024_homes.sql":              "c92cf21202870e33277146b22d5fe24fb518d700bdc999d4ac223c7da6134e7f",
	"0025_audit_streams.sql":      "9f6a2989c262d26f2a3281a506f3dc69d1dae20e15456417196695925e76089a",
	"0026_challenge_subjects.sql": "a6b94b1d0793a49131b5c16e557f9557d25c7ce8091a12cc0235b435ab5a09e1",
	"0027_acts.sql":               "2903474bac66d594725325609285da04d10f1781c132e101d4d0f3cc5dab5bda",
	"0028_session_types.sql":      "218e86d714dd85d720ca1812ff06fa40ffaa0b6cde9fa675886094e6698da9da",
	"0029_acts_go_out.sql":        "b8df27e2b25fa84e00303412f8faf0bf1de94c6381b3a360df887552af3a3b4d",
}

func TestLandedMigrations(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("migrations/*")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(text)
		got[filepath.Base(f)] = hex.EncodeToString(sum[:])
	}
	if diff := cmp.Diff(landed, got); diff != "" {
		t.Errorf("migrations (-landed +now):\n%s", diff)
	}
}

// A server that is older than the schema does not know what it must not break.
func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		db := testkit.Open(t, url)
		err := db.Write(t.Context(), func(_ context.Context, tx *store.Tx) error {
			_, err := tx.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, true)`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Open(t.Context(), url, store.Options{}); !errors.Is(err, store.ErrNewer) {
			t.Errorf("Open = %v, want %v", err, store.ErrNewer)
		}
	})
}
