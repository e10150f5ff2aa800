package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"fettle/internal/human"
	"fettle/train/history"
)

// runTable lists runs in the columns that there is room for.
type runTable struct {
	room   int    // columns of the terminal; 0: all that is wanted
	prefix string // of paths, which goes without saying
	now    time.Time
	colour bool
}

// runColumn is a column of the table.
type runColumn struct {
	title string
	keep  int // the lowest goes first where there is no room
	right bool
	text  func(history.Run) string
	cells []string
	wide  int // columns of the terminal, once all cells are final
}

func (t runTable) columns() []*runColumn {
	loss := func(v float64) string {
		if v == 0 {
			return ""
		}
		return fmt.Sprintf("%.4f", v)
	}
	return []*runColumn{
		{title: "run", keep: 99, text: t.name},
		{title: "state", keep: 90, text: func(r history.Run) string { return string(r.State) }},
		{title: "step", keep: 70, right: true, text: history.Run.Progress},
		{title: "epoch", keep: 15, right: true, text: func(r history.Run) string { return fmt.Sprintf("%.2f", r.Epoch) }},
		{title: "method", keep: 30, text: func(r history.Run) string { return r.Method }},
		{title: "base", keep: 25, text: func(r history.Run) string { return human.Cut(human.Plain(r.Base), 24) }},
		{title: "recipe", keep: 10, text: func(r history.Run) string { return human.Cut(human.Plain(r.Recipe), 20) }},
		{title: "loss", keep: 50, right: true, text: func(r history.Run) string { return loss(r.Loss) }},
		{title: "held-out", keep: 35, right: true, text: func(r history.Run) string { return loss(r.EvalLoss) }},
		{title: "best", keep: 80, right: true, text: func(r history.Run) string { return loss(r.BestLoss) }},
		{title: "changed", keep: 60, right: true, text: func(r history.Run) string { return human.Ago(r.Changed, t.now) }},
		{title: "time", keep: 20, right: true, text: func(r history.Run) string { return human.Duration(r.Time()) }},
		{title: "size", keep: 40, right: true, text: func(r history.Run) string { return human.Bytes(r.Bytes) }},
	}
}

func (t runTable) name(r history.Run) string {
	name := strings.TrimPrefix(r.Path, t.prefix)
	if r.Link != "" {
		name += " → " + r.Link
	}
	return human.Plain(name)
}

// leastName is the width to which names are cut before any column goes.
const leastName = 18

func (t runTable) String(runs []history.Run) string {
	all := t.columns()
	for _, c := range all {
		for _, r := range runs {
			c.cells = append(c.cells, c.text(r))
		}
	}
	all = slices.DeleteFunc(all, func(c *runColumn) bool { return strings.Join(c.cells, "") == "" })
	name := all[0]
	if t.room > 0 {
		for len(all) > 2 && t.width(all)-max(0, name.width()-leastName) > t.room {
			least := slices.MinFunc(all, func(a, b *runColumn) int { return a.keep - b.keep })
			all = slices.DeleteFunc(all, func(c *runColumn) bool { return c == least })
		}
		if over := t.width(all) - t.room; over > 0 {
			most := max(8, name.width()-over)
			for i, cell := range name.cells {
				name.cells[i] = human.Cut(cell, most)
			}
		}
	}
	for _, c := range all {
		c.wide = c.width()
	}
	var b strings.Builder
	t.line(&b, all, func(c *runColumn) string { return c.title }, "")
	for i, r := range runs {
		t.line(&b, all, func(c *runColumn) string { return c.cells[i] }, t.paint(r.State))
	}
	return b.String()
}

func (c *runColumn) width() int {
	w := human.Columns(c.title)
	for _, cell := range c.cells {
		w = max(w, human.Columns(cell))
	}
	return w
}

// width is that of a line.
func (t runTable) width(columns []*runColumn) int {
	w := -2
	for _, c := range columns {
		w += c.width() + 2
	}
	return w
}

func (t runTable) line(b *strings.Builder, columns []*runColumn, cell func(*runColumn) string, paint string) {
	var line strings.Builder
	for i, c := range columns {
		text := cell(c)
		pad := strings.Repeat(" ", c.wide-human.Columns(text))
		if c.title == "state" && paint != "" {
			text = paint + text + "\x1b[0m"
		}
		if c.right {
			text = pad + text
		} else {
			text += pad
		}
		if i > 0 {
			line.WriteString("  ")
		}
		line.WriteString(text)
	}
	b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
}

// paint returns the sequence that colours a state.
func (t runTable) paint(s history.State) string {
	if !t.colour {
		return ""
	}
	return map[history.State]string{
		history.Running: "\x1b[32m", history.Stopped: "\x1b[33m", history.Failed: "\x1b[31m", history.Damaged: "\x1b[31m",
	}[s]
}
