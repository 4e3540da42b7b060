package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"postern/internal/signature"
	"postern/internal/snapshot"
)

// signCommand signs files, and makes the keys for it.
type signCommand struct {
	Files  signFilesCommand  `cmd:"" default:"withargs" help:"Sign the files of a folder; the word files may be left out."`
	Keygen signKeygenCommand `cmd:"" help:"Make a key that signs, and print its public key."`
	Public signPublicCommand `cmd:"" help:"Print the public key of a key that signs."`
}

// signFilesCommand signs a folder.
type signFilesCommand struct {
	Folder      string   `arg:"" optional:"" default:"snapshot" help:"Folder of the snapshot (default: ${default})."`
	Key         string   `help:"File with the key; postern sign keygen makes it." required:"" env:"POSTERN_SIGNING_KEY_FILE" placeholder:"FILE" type:"path"`
	Project     []string `help:"Id of a project that the files are for; may be repeated. Without it any." placeholder:"ID"`
	Environment []string `help:"Environment that the files are for; may be repeated. Without it any." placeholder:"NAME"`
}

// Help implements kong.HelpProvider.
func (signFilesCommand) Help() string {
	return `Writes signature.json into the folder: a signature over what the files say, by Ed25519. It travels with them as a folder, as an
archive and over the API, and is no part of the configuration. Formatting the files does not break it; changing, adding or removing
one does.

What is signed are the files as they lie there, with the placeholders and the values of all environments. So one signed folder can
go from one environment to the next.

A project takes only signed snapshots where its policy says so: postern project policy --require-signed. postern check says whether a
signature fits.

Examples:

    postern sign config/identity --key release.key
    postern sign config/identity --key release.key --environment staging --environment production`
}

// Run implements the command.
func (c *signFilesCommand) Run(a *app) error {
	if carrierOf(c.Folder) != folder {
		return usage("sign the folder, and then postern convert packs it", "only the files of a folder can be signed")
	}
	key, err := readSigningKey(c.Key)
	if err != nil {
		return err
	}
	from, err := a.readLocal(c.Folder)
	if err != nil {
		return err
	}
	a.tellPassedOver(from)
	if problems := from.upload.Problems; len(problems) > 0 {
		a.showProblems(from, problems)
		fmt.Fprintln(a.stderr, "Nothing was signed.")
		return errRefused
	}
	if known := from.upload.Environments(); len(known) > 0 {
		for _, name := range c.Environment {
			if !slices.Contains(known, name) {
				return usage("there are: "+strings.Join(known, ", "), "the files have no environment %q", name)
			}
		}
	}
	files := from.upload.Signed()
	content, err := key.Sign(files, signature.Scope{Projects: c.Project, Environments: c.Environment})
	if err != nil {
		return err
	}
	if found := snapshot.CheckBeside(snapshot.SignatureFile, content); len(found) > 0 {
		return usage("a project has an id as postern project list shows it, an environment a name of letters, digits, - and _", "nothing can be signed for that: %s", found[0].Pointer)
	}
	err = writeWhole(filepath.Join(c.Folder, snapshot.SignatureFile), 0o644, func(w io.Writer) error {
		_, err := w.Write(snapshot.OnDisk(snapshot.SignatureFile, content))
		return err
	})
	if err != nil {
		return err
	}
	public, err := key.Public()
	if err == nil {
		fmt.Fprintf(a.stderr, "Signed %s with the key %s.\n", plural(len(files), "file"), public)
	}
	return err
}

// signKeygenCommand makes a key.
type signKeygenCommand struct {
	File string `arg:"" help:"File to write the key to; it must not be there yet."`
}

// Help implements kong.HelpProvider.
func (signKeygenCommand) Help() string {
	return `The file has mode 0600 and holds the private key as PKCS#8 in PEM, which other tools read, too. It is never printed. Keep it
where files are released, and not where they are changed. What is printed is the public key, for postern project policy --signer.

Examples:

    postern sign keygen release.key
    postern project policy --signer "release=$(postern sign public release.key)" --require-signed`
}

// Run implements the command.
func (c *signKeygenCommand) Run(a *app) error {
	key, text, err := signature.NewKey()
	if err != nil {
		return err
	}
	if err := checkParent(c.File); err != nil {
		return err
	}
	f, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return usage("name another file, or remove it if nothing trusts its key any more", "%s is there already", c.File)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(f, text.Reveal())
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return a.printPublic(key)
}

// signPublicCommand prints a public key.
type signPublicCommand struct {
	File string `arg:"" help:"File with the key."`
}

// Run implements the command.
func (c *signPublicCommand) Run(a *app) error {
	key, err := readSigningKey(c.File)
	if err != nil {
		return err
	}
	return a.printPublic(key)
}

func (a *app) printPublic(key signature.Key) error {
	public, err := key.Public()
	if err == nil {
		_, err = fmt.Fprintln(a.stdout, public)
	}
	return err
}

// readSigningKey reads a key, and refuses one that others may read.
func readSigningKey(file string) (signature.Key, error) {
	info, err := os.Stat(file)
	if os.IsNotExist(err) {
		return signature.Key{}, usage("postern sign keygen FILE makes it", "there is no key %s", file)
	}
	if err != nil {
		return signature.Key{}, err
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 && runtime.GOOS != "windows" {
		return signature.Key{}, usage("run chmod 600 on it", "the key %s can be read by others (mode %04o)", file, perm)
	}
	b, err := os.ReadFile(file) //nolint:gosec // the caller names the file
	if err != nil {
		return signature.Key{}, err
	}
	key, err := signature.ReadKey(b)
	if err != nil {
		return signature.Key{}, usage("postern sign keygen FILE makes one", "%s: %v", file, err)
	}
	return key, nil
}

// readSigners reads what people write for those who may sign: keys, each with a
// name before it where it must have one.
func readSigners(list []string, named bool) ([]signature.Signer, error) {
	var out []signature.Signer
	for _, text := range list {
		var s signature.Signer
		var err error
		if named {
			s, err = signature.ParseSigner(text)
		} else {
			s.Key, err = signature.ParsePublicKey(text)
		}
		if err != nil {
			form := "it looks like ed25519:…; postern sign public FILE prints it"
			if named {
				form = "it looks like release=ed25519:…; postern sign public FILE prints the key"
			}
			return nil, usage(form, "%q is no signer", text)
		}
		out = append(out, s)
	}
	return out, nil
}

// signerText is how people know who signed.
func signerText(s *signature.Signer) string {
	switch {
	case s == nil:
		return ""
	case s.Name == "" || s.Name == string(s.Key):
		return string(s.Key)
	default:
		return s.Name + " (" + string(s.Key) + ")"
	}
}
