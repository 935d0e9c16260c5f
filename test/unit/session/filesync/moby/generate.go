// Writes ignore.jsonl: what moby/patternmatcher, the code that docker itself runs, says of random
// ignore files and paths. Run by hand, on Debian, when the cases are to change; tests only read the
// table:
//
//	apt-get install golang-go golang-github-moby-patternmatcher-dev golang-github-docker-docker-dev
//	GO111MODULE=off GOPATH=/usr/share/gocode go run generate.go > ignore.jsonl
//
// A line is a case: {"file": text, "paths": [...], "said": "1001"}. In said stands one sign a path: 1
// is ignored, 0 is not. "said": "" means that the file is refused.
package main

import (
	"encoding/json"
	"math/rand"
	"os"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/dockerignore"
	"github.com/moby/patternmatcher"
)

type testCase struct {
	File  string   `json:"file"`
	Paths []string `json:"paths"`
	Said  string   `json:"said"`
}

// A small alphabet, so that patterns and paths meet often.
var (
	names    = []string{"a", "b", "ab", "a.b", "x.log", "日", "😀", "～", "a b", "a,b", "b+", "$a", "(a)", "{a}", "a|b", "^a", ".a", "-", "!a", "#a", "]", "A"}
	pieces   = []string{"a", "b", "a", "b", ".", "x", ".log", "日", "😀", " ", ",", "+", "$", "(", ")", "{", "}", "|", "^", "-", "A", "~", "%20"}
	wild     = []string{"*", "*", "*", "?", "**", "[ab]", "[a-c]", "[^a]", "[^a-b]", "[!a]", "[.]", "[a", "]", "[]", "[-a]", "[a-]", "[日]", "[😀-😂]", "[\\]]", "[[:alpha:]]", "[a/b]", "\\*", "\\a", "\\?", "\\[", "\\d", "\\q", "\\😀", "\\ ", "\\", "{2}", "{1,}", "|", "[]a]", "[^]a]", "[b-]", "[*]", "[?]", "[.]*", "[[:^digit:]]", "\\S", "[\\S]", "\\b", "[a-b-c]", "[b-a]", "[^/]"}
	segments = []string{"**", "*", "..", ".", "", "**", "***", "**a", "a**"}
)

func pick(r *rand.Rand, from []string) string { return from[r.Intn(len(from))] }

func name(r *rand.Rand) string {
	if r.Intn(4) > 0 {
		return pick(r, names[:3])
	}
	return pick(r, names)
}

func segment(r *rand.Rand) string {
	switch n := r.Intn(10); {
	case n < 5:
		return name(r)
	case n < 7:
		return pick(r, segments)
	}
	var made strings.Builder
	for count := 1 + r.Intn(3); count > 0; count-- {
		if r.Intn(2) == 0 {
			made.WriteString(pick(r, wild))
		} else {
			made.WriteString(pick(r, pieces))
		}
	}
	return made.String()
}

func line(r *rand.Rand) string {
	parts := make([]string, 1+r.Intn(3))
	for at := range parts {
		parts[at] = segment(r)
	}
	made := strings.Join(parts, "/")
	for _, around := range []struct {
		odds          int
		before, after string
	}{{8, "/", ""}, {8, "", "/"}, {10, "./", ""}, {3, "!", ""}, {25, "! ", ""}, {12, " ", ""}, {12, "", " \t"}, {30, "#", ""}, {30, "", "\r"}} {
		if r.Intn(around.odds) == 0 {
			made = around.before + made + around.after
		}
	}
	return made
}

func path(r *rand.Rand) string {
	parts := make([]string, 1+r.Intn(4))
	for at := range parts {
		parts[at] = name(r)
	}
	return strings.Join(parts, "/")
}

// As a walk does: every folder on the way down hands its result to what is in it.
func verdict(matcher *patternmatcher.PatternMatcher, path string) byte {
	var info patternmatcher.MatchInfo
	matched := false
	parts := strings.Split(path, "/")
	for at := range parts {
		var err error
		matched, info, err = matcher.MatchesUsingParentResults(strings.Join(parts[:at+1], "/"), info)
		if err != nil {
			panic(err)
		}
	}
	if matched {
		return '1'
	}
	return '0'
}

// A pattern is compiled when it is first asked, which may be never; the error is the same. It must
// not be asked a second time: that is a nil pointer in 0.5.0.
func isBroken(pattern string) bool {
	patterns := []string{pattern}
	if pattern[0] == '!' {
		patterns = []string{"**", pattern} // there must be something to take back
	}
	matcher, err := patternmatcher.New(patterns)
	if err == nil {
		_, err = matcher.MatchesOrParentMatches("probe")
	}
	return err != nil
}

func said(file string, paths []string) string {
	patterns, err := dockerignore.ReadAll(strings.NewReader(file))
	if err != nil {
		return ""
	}
	for _, pattern := range patterns {
		if isBroken(pattern) {
			return ""
		}
	}
	matcher, err := patternmatcher.New(patterns)
	if err != nil {
		return ""
	}
	made := make([]byte, len(paths))
	for at, path := range paths {
		made[at] = verdict(matcher, path)
	}
	return string(made)
}

func main() {
	r := rand.New(rand.NewSource(20260723))
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for count := 0; count < 2500; count++ {
		lines := make([]string, 1+r.Intn(4))
		for at := range lines {
			lines[at] = line(r)
		}
		file := strings.Join(lines, "\n")
		if r.Intn(20) == 0 {
			file = "\ufeff" + file
		}
		paths := make([]string, 6)
		for at := range paths {
			paths[at] = path(r)
		}
		if err := out.Encode(testCase{file, paths, said(file, paths)}); err != nil {
			panic(err)
		}
	}
}
