package api

import (
	"testing"
	"time"

	"postern/internal/mgmtkey"
	"postern/internal/project"
	"postern/internal/testkit"
)

func TestUndelete(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		shop := testkit.Shop(t)
		if _, err := b.Projects.Import(t.Context(), tester, project.Import{Project: b.project, Upload: shop.Upload()}); err != nil {
			t.Fatal(err)
		}
		before := b.send(t, "POST", exportPath, "{}").Body.String()
		company, mine := "Bearer "+b.key, "Bearer "+b.project+":"+b.makeKey(t, mgmtkey.Grant{Projects: []string{b.project}, Role: mgmtkey.Admin})
		undelete := func(auth string) int {
			return b.send(t, "POST", "/v1/mgmt/project/undelete", `{"projectId":"`+b.project+`"}`, "Authorization", auth).Code
		}
		if got := undelete(company); got != 404 {
			t.Errorf("a project that is in use: %d", got)
		}
		var nothing empty
		b.answer(t, &nothing, "POST", "/v1/mgmt/project/delete", "{}", "Authorization", mine)
		wantFault(t, b.send(t, "POST", exportPath, "{}"), 404, "E011008")

		var list projectsAnswer
		b.answer(t, &list, "POST", "/v1/mgmt/projects/list", `{"deleted":true}`, "Authorization", company)
		if len(list.Projects) != 1 || list.Projects[0].ID != b.project {
			t.Fatalf("deleted: %+v", list.Projects)
		}
		row := list.Projects[0]
		if age := time.Since(time.Unix(row.DeletedTime, 0)); age < -time.Minute || age > time.Minute || row.KeptUntil-row.DeletedTime != 30*24*3600 {
			t.Errorf("deleted %d, kept until %d", row.DeletedTime, row.KeptUntil)
		}
		wantFault(t, b.send(t, "POST", "/v1/mgmt/projects/list", `{"deleted":true}`, "Authorization", mine), 403, "P40301")
		if got := undelete(mine); got != 403 {
			t.Errorf("a key of the project undeletes: %d", got)
		}
		if got := undelete(company); got != 200 {
			t.Errorf("undelete: %d", got)
		}
		if got := b.send(t, "POST", exportPath, "{}").Body.String(); got != before {
			t.Error("the project is not as it was")
		}
		res, err := b.Projects.Import(t.Context(), tester, project.Import{Project: b.project, Upload: shop.Upload()})
		if err != nil || res.Changed {
			t.Errorf("the same again, secrets too: %+v, %v", res, err)
		}
	})
}

func TestRotateKey(t *testing.T) {
	t.Parallel()
	testkit.Databases(t, func(t *testing.T, url string) {
		b := setup(t, url)
		shop := testkit.Shop(t)
		if _, err := b.Projects.Import(t.Context(), tester, project.Import{Project: b.project, Upload: shop.Upload()}); err != nil {
			t.Fatal(err)
		}
		weak := "Bearer " + b.project + ":" + b.makeKey(t, mgmtkey.Grant{Projects: []string{b.project}, Role: mgmtkey.Import})
		wantFault(t, b.send(t, "POST", "/v1/mgmt/project/key/rotate", "{}", "Authorization", weak), 403, "P40301")
		var got rotationAnswer
		b.answer(t, &got, "POST", "/v1/mgmt/project/key/rotate", "{}", "Authorization", "Bearer "+b.project+":"+b.key)
		if want := len(shop.Secrets) + 1; got.Version != 2 || got.Secrets != want { // the one that signs tokens, too
			t.Errorf("rotated: %+v, want %d secrets", got, want)
		}
	})
}
