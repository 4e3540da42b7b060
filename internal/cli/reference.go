package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// WriteReference writes the reference of the command line, as Markdown, from
// what the parser knows.
func WriteReference(w io.Writer) error {
	parser, err := newParser(&app{stdout: io.Discard, stderr: io.Discard}, true)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.WriteString("# The command line\n\n" +
		"Written by the program itself; `go test ./internal/cli -run Reference -update` writes it anew.\n\n" +
		"| command | what it does |\n|---|---|\n")
	leaves := parser.Model.Leaves(true)
	for _, node := range leaves {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", node.FullPath(), strings.ReplaceAll(node.FullPath(), " ", "-"), cell(node.Help))
	}
	b.WriteString("\n" + exits + "\n\nWhat is for people goes to standard error, results for other programs to standard output.\n\n" +
		"Lengths of time are written as `90s`, `5m` or `12h`, sizes as `64MiB` or `10MB`. A flag goes before its variable of the environment.\n")
	for _, node := range leaves {
		writeCommand(&b, node)
	}
	_, err = w.Write(b.Bytes())
	return err
}

func writeCommand(b *bytes.Buffer, node *kong.Node) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n    %s", node.FullPath(), node.Help, node.FullPath())
	for _, p := range node.Positional {
		fmt.Fprintf(b, " %s", p.Summary())
	}
	b.WriteString(" [flags]\n")
	if node.Detail != "" {
		fmt.Fprintf(b, "\n%s\n", unwrapped(node.Detail))
	}
	if len(node.Positional) > 0 {
		b.WriteString("\n| argument | what it is |\n|---|---|\n")
		for _, p := range node.Positional {
			fmt.Fprintf(b, "| `%s` | %s |\n", p.Summary(), cell(p.Help))
		}
	}
	var shown, hidden bytes.Buffer
	for _, f := range node.Flags {
		if f.Hidden {
			fmt.Fprintf(&hidden, "\n`%s`, in the environment only: %s\n", f.Envs[0], cell(f.Help))
			continue
		}
		fmt.Fprintf(&shown, "| `%s` | %s | %s | %s |\n", flagText(f), code(strings.Join(f.Envs, ", ")), code(f.Default), cell(f.Help))
	}
	if shown.Len() > 0 {
		b.WriteString("\n| flag | variable | default | what it sets |\n|---|---|---|---|\n")
		b.Write(shown.Bytes())
	}
	b.Write(hidden.Bytes())
}

func flagText(f *kong.Flag) string {
	text := "--" + f.Name
	if f.Short != 0 {
		text = "-" + string(f.Short) + ", " + text
	}
	if !f.IsBool() {
		text += "=" + f.PlaceHolder
	}
	return text
}

// unwrapped joins the lines of a paragraph, and leaves examples as they are.
func unwrapped(detail string) string {
	var out []string
	for paragraph := range strings.SplitSeq(detail, "\n\n") {
		if !strings.HasPrefix(paragraph, "    ") {
			paragraph = strings.ReplaceAll(paragraph, "\n", " ")
		}
		out = append(out, paragraph)
	}
	return strings.Join(out, "\n\n")
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + cell(s) + "`"
}
