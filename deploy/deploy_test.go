// Package deploy_test holds the examples of this folder to what the server
// knows, as far as that can be without a cluster.
package deploy_test

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v2"

	"postern/internal/server"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// settings are the variables that the server reads.
func settings() []string {
	var out []string
	for _, typ := range []reflect.Type{reflect.TypeFor[server.Config](), reflect.TypeFor[server.Tuning]()} {
		for f := range typ.Fields() {
			if name := f.Tag.Get("env"); name != "" {
				out = append(out, name)
			}
		}
	}
	return out
}

// A variable that an example sets is one that the server reads.
func TestVariables(t *testing.T) {
	t.Parallel()
	known := settings()
	for _, name := range []string{"postern.service", "Containerfile", "kubernetes.yaml"} {
		found := regexp.MustCompile(`POSTERN_[A-Z_]+`).FindAllString(read(t, name), -1)
		if len(found) < 3 {
			t.Errorf("%s sets nothing", name)
		}
		for _, v := range found {
			if v != "POSTERN_" && !slices.Contains(known, v) {
				t.Errorf("%s: the server does not know %s", name, v)
			}
		}
	}
}

func TestUnit(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze")
	}
	// The binary of the unit is looked for, so it gets one that is there.
	unit := filepath.Join(t.TempDir(), "postern.service")
	text := strings.ReplaceAll(read(t, "postern.service"), "/usr/local/bin/postern", "/bin/true")
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), tool, "verify", unit).CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), tool, "security", "--offline=true", "--threshold=20", unit).CombinedOutput()
	if err != nil && !bytes.Contains(out, []byte("unrecognized option")) { // older ones cannot
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}

// The command that the image builds with builds a static binary that runs.
func TestContainerfile(t *testing.T) {
	t.Parallel()
	text := read(t, "Containerfile")
	run := regexp.MustCompile(`(?m)^RUN (CGO_ENABLED=0 go build .*)$`).FindStringSubmatch(text)
	if run == nil || !strings.Contains(run[1], "-o /out/postern ") {
		t.Fatal("the build command is not found")
	}
	for _, want := range []string{"FROM gcr.io/distroless/static-debian12:nonroot", "USER 65532:65532", `ENTRYPOINT ["/postern"]`, "COPY --from=build /out/postern /postern"} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the Containerfile lacks %s", want)
		}
	}
	if version := regexp.MustCompile(`golang:(\d+\.\d+)`).FindStringSubmatch(text); version == nil || !strings.Contains(read(t, "../go.mod"), "\ngo "+version[1]) {
		t.Errorf("the image builds with Go %v, and go.mod wants another", version)
	}
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("it takes a while")
	}
	binary := filepath.Join(t.TempDir(), "postern")
	build := exec.CommandContext(t.Context(), "sh", "-c", strings.Replace(run[1], "/out/postern", binary, 1))
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := elf.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the binary is not static: the image has no loader")
	}
	if out, err := exec.CommandContext(t.Context(), binary, "version").CombinedOutput(); err != nil || !bytes.HasPrefix(out, []byte("postern ")) {
		t.Errorf("%v %s", err, out)
	}
}

// resource is what the tests look at of a Kubernetes object.
type resource struct {
	Version  string `yaml:"apiVersion"`
	Kind     string `yaml:"kind"`
	Metadata struct{ Name, Namespace string }
	Spec     struct {
		Replicas int
		Selector any
		Ports    []struct {
			Name       string
			TargetPort string `yaml:"targetPort"`
		}
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				Grace      int         `yaml:"terminationGracePeriodSeconds"`
				Init       []container `yaml:"initContainers"`
				Containers []container
				Volumes    []struct{ Name string }
			}
		}
	}
}

type container struct {
	Args []string
	Env  []struct {
		Name, Value string
		From        map[string]any `yaml:"valueFrom"`
	}
	Ports []struct {
		Name string
		Port int `yaml:"containerPort"`
	}
	Mounts []struct {
		Name string
		Path string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
	Startup   probe `yaml:"startupProbe"`
	Liveness  probe `yaml:"livenessProbe"`
	Readiness probe `yaml:"readinessProbe"`
	Security  struct {
		Escalation *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnly   bool  `yaml:"readOnlyRootFilesystem"`
	} `yaml:"securityContext"`
}

type probe struct {
	Get struct{ Path, Port string } `yaml:"httpGet"`
}

func resources(t *testing.T) map[string]resource {
	t.Helper()
	out := map[string]resource{}
	d := yaml.NewDecoder(strings.NewReader(read(t, "kubernetes.yaml")))
	for {
		var r resource
		if err := d.Decode(&r); err != nil {
			if err.Error() != "EOF" {
				t.Fatal(err)
			}
			return out
		}
		if r.Version == "" || r.Kind == "" || r.Metadata.Name == "" || r.Metadata.Namespace != "postern" {
			t.Errorf("an object without a kind, a name or the namespace: %+v", r)
		}
		out[r.Kind] = r
	}
}

func TestKubernetes(t *testing.T) {
	t.Parallel()
	all := resources(t)
	for _, kind := range []string{"Deployment", "Service", "PodDisruptionBudget", "PersistentVolumeClaim"} {
		if _, ok := all[kind]; !ok {
			t.Fatalf("there is no %s", kind)
		}
	}
	deployment := all["Deployment"].Spec
	pod := deployment.Template.Spec
	if deployment.Replicas < 2 || pod.Grace <= 30 || len(pod.Containers) != 1 || deployment.Template.Metadata.Labels["app.kubernetes.io/name"] != "postern" {
		t.Fatalf("deployment: %+v", deployment)
	}
	c := pod.Containers[0]
	if c.Startup.Get.Path != "/readyz" || c.Liveness.Get.Path != "/healthz" || c.Readiness.Get.Path != "/readyz" || !slices.Equal(c.Args, []string{"serve"}) {
		t.Errorf("probes: %+v", c)
	}
	for _, p := range []probe{c.Startup, c.Liveness, c.Readiness} {
		if p.Get.Port != c.Ports[0].Name {
			t.Errorf("a probe asks the port %q", p.Get.Port)
		}
	}
	if all["Service"].Spec.Ports[0].TargetPort != c.Ports[0].Name || c.Ports[0].Port != 8787 {
		t.Errorf("ports: %+v", c.Ports)
	}
	for _, c := range append(pod.Init, c) {
		if c.Security.Escalation == nil || *c.Security.Escalation || !c.Security.ReadOnly {
			t.Errorf("security: %+v", c.Security)
		}
		for _, m := range c.Mounts {
			if !slices.ContainsFunc(pod.Volumes, func(v struct{ Name string }) bool { return v.Name == m.Name }) {
				t.Errorf("there is no volume %s", m.Name)
			}
		}
	}
	for _, e := range c.Env {
		if e.Name == "POSTERN_DATABASE" && (e.Value != "" || e.From["secretKeyRef"] == nil) {
			t.Error("the URL of the database, which holds a password, is not from a secret")
		}
		if e.Name == "POSTERN_MASTER_KEY_FILE" && !slices.ContainsFunc(c.Mounts, func(m struct {
			Name string
			Path string `yaml:"mountPath"`
		},
		) bool {
			return strings.HasPrefix(e.Value, m.Path+"/")
		}) {
			t.Errorf("nothing is mounted at %s", e.Value)
		}
	}
}
