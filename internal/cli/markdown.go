package cli

import (
	"fmt"
	"io"
	"strings"

	"postern/internal/client"
	"postern/internal/snapshot"
)

// maxComment bounds a plan in Markdown, in characters: forges take about 65,000.
const maxComment = 60_000

// writeMarkdown writes a plan for a comment on a pull request.
func writeMarkdown(to io.Writer, plan *client.Plan) error {
	var b strings.Builder
	switch {
	case !plan.OK:
		b.WriteString("### The import would be refused\n\n")
	case !plan.Changed:
		fmt.Fprintf(&b, "### Nothing would change\n\nThe project is so already, at revision %d.\n", plan.Base.Revision)
	default:
		fmt.Fprintf(&b, "### An import would change this project\n\nOver revision %d.\n\n", plan.Base.Revision)
	}
	for _, e := range plan.Effects {
		fmt.Fprintf(&b, "\n**Note:** %s\n\n", inline(e.Message))
	}
	s := plan.Summary
	if plan.Changed || !plan.OK {
		b.WriteString("| created | changed | removed | renamed | found by name | secrets |\n|--:|--:|--:|--:|--:|--:|\n")
		fmt.Fprintf(&b, "| %d | %d | %d | %d | %d | %d |\n", s.Created, s.Changed, s.Removed, s.Renamed, s.Adopted, s.Secrets)
	}
	var lines []string
	for _, p := range plan.Details {
		lines = append(lines, "- **error** "+inline(p.String()))
	}
	lines = append(lines, riskLines(plan.Changes)...)
	for _, secret := range plan.Secrets {
		if secret.State != "same" {
			lines = append(lines, "- secret: "+inline(secretText(secret)))
		}
	}
	lines = append(lines, changeLines(plan.Changes)...)
	lines = append(lines, reboundLines(plan.Rebound)...)
	for _, text := range plan.Left.Says() {
		lines = append(lines, "- "+inline(text))
	}
	for _, p := range plan.Warnings {
		lines = append(lines, "- warning: "+inline(p.String()))
	}
	end := ""
	if plan.Digest != "" {
		end = fmt.Sprintf("\nPlan `%s`\n", plan.Digest)
		if plan.Page != "" {
			end += fmt.Sprintf("\n[The whole plan, to look at and to approve](<%s>)\n", strings.NewReplacer("<", "%3C", ">", "%3E", "\n", "%0A").Replace(plan.Page))
		}
	}
	writeBounded(&b, lines, maxComment-len(end)-100)
	_, err := io.WriteString(to, b.String()+end)
	return err
}

// writeMarkdownDiff writes how two configurations differ, likewise.
func writeMarkdownDiff(to io.Writer, list []snapshot.Difference) error {
	var b strings.Builder
	if len(list) == 0 {
		b.WriteString("### Nothing differs\n")
	} else {
		fmt.Fprintf(&b, "### %s\n\n", plural(len(list), "difference"))
	}
	writeBounded(&b, append(riskLines(list), changeLines(list)...), maxComment)
	_, err := io.WriteString(to, b.String())
	return err
}

// riskLines are what weakens security, and then what a person should look at.
// They stand before what is folded, and are not cut off for its sake.
func riskLines(list []snapshot.Difference) []string {
	var weaker, look []string
	for _, d := range list {
		for _, r := range d.Risks {
			text := fmt.Sprintf("%s: %s (%s)", inline(subjectText(d)), inline(r.Message), inline(string(r.Code)))
			if r.Level == snapshot.Weakens {
				weaker = append(weaker, "- **weaker** "+text)
			} else {
				look = append(look, "- look: "+text)
			}
		}
	}
	return append(weaker, look...)
}

// fold begins what is folded under a title and the number of its lines.
func fold(title string, n int) string {
	return fmt.Sprintf("\n<details><summary>%s (%d)</summary>\n", inline(title), n)
}

const unfold = "\n</details>"

// changeLines are the changes, folded by section.
func changeLines(list []snapshot.Difference) []string {
	var lines []string
	count := map[string]int{}
	for _, d := range list {
		count[d.Section]++
	}
	section := "\x00"
	for _, d := range list {
		if d.Section != section {
			if section != "\x00" {
				lines = append(lines, unfold)
			}
			section = d.Section
			lines = append(lines, fold(sectionTitle(section), count[section]))
		}
		lines = append(lines, changeLine(d))
		for _, e := range d.Effects {
			lines = append(lines, "  - **touches** "+inline(e.Message))
		}
	}
	if section != "\x00" {
		lines = append(lines, unfold)
	}
	return lines
}

// changeLine is one change: what fits there on one line, and below it what does
// not, line by line.
func changeLine(d snapshot.Difference) string {
	if d.Field == "" {
		text := fmt.Sprintf("- %s %s", d.Action, inline(subjectText(d)))
		if d.Content != nil {
			text += fenced(contentLines(d))
		}
		return text
	}
	if lines := changedLines(d, true); lines != nil {
		return fmt.Sprintf("- %s: %s", inline(subjectText(d)), inline(labelText(d))) + fenced(lines)
	}
	return fmt.Sprintf("- %s: %s", inline(subjectText(d)), inline(fieldText(d)))
}

// What one change has in a comment: lines, and characters of each.
const (
	manyLines = 60
	wideLine  = 400
)

// fenced is a block of a difference inside an item of a list. What is in it cannot
// end it.
func fenced(lines []string) string {
	if n := len(lines); n > manyLines {
		lines = append(lines[:manyLines:manyLines], fmt.Sprintf("… and %s", plural(n-manyLines, "more line")))
	}
	short := make([]string, len(lines))
	for i, l := range lines {
		if r := []rune(l); len(r) > wideLine {
			l = fmt.Sprintf("%s… (%s)", string(r[:wideLine]), plural(len(r), "character"))
		}
		short[i] = l
	}
	text := printable(strings.Join(short, "\n"))
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return "\n  " + fence + "diff\n  " + strings.ReplaceAll(text, "\n", "\n  ") + "\n  " + fence
}

// reboundLines are the ids that are not those of the files, folded.
func reboundLines(list []snapshot.Rebound) []string {
	if len(list) == 0 {
		return nil
	}
	lines := []string{fold("Ids that are not those of the files", len(list))}
	for _, r := range list {
		lines = append(lines, "- "+inline(reboundText(r)))
	}
	return append(lines, unfold)
}

// writeBounded writes as many lines as there is room for, and says how many are
// left. What is folded stays closed.
func writeBounded(b *strings.Builder, lines []string, most int) {
	b.WriteString("\n")
	open := false
	for i, line := range lines {
		if b.Len()+len(line) > most {
			if open {
				b.WriteString("\n</details>\n")
			}
			fmt.Fprintf(b, "\n… %s, which a comment has no room for: see the whole plan\n", plural(len(lines)-i, "more line"))
			return
		}
		open = strings.HasPrefix(line, "\n<details") || open && line != unfold
		b.WriteString(line + "\n")
	}
}

// inline writes text that Markdown takes as it is: no markup, no mention, no line
// of its own.
func inline(text string) string {
	return strings.NewReplacer(
		"\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "[", "\\[", "]", "\\]", "<", "&lt;", ">", "&gt;", "&", "&amp;",
		"|", "\\|", "#", "\\#", "~", "\\~", "@", "@\u200b", "\n", " ", "\r", " ",
	).Replace(printable(text))
}
