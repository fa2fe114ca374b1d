// SPDX-License-Identifier: Apache-2.0

package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// moduleSources are the files of Ember's module that are neither tests nor examples, by
// their path, for all systems.
type moduleSources struct {
	t     *testing.T
	set   *token.FileSet
	files map[string]*ast.File
}

func readSources(t *testing.T) *moduleSources {
	s := &moduleSources{t, token.NewFileSet(), make(map[string]*ast.File)}
	root := os.DirFS("..")
	require.NoError(t, fs.WalkDir(root, ".", func(file string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir():
			_, err := fs.Stat(root, path.Join(file, "go.mod"))
			if otherModule := err == nil && file != "."; otherModule || file == "examples" ||
				d.Name() == "testdata" || file != "." && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
		case strings.HasSuffix(file, ".go") && !strings.HasSuffix(file, "_test.go"):
			s.files[file], err = parser.ParseFile(s.set, filepath.Join("..", file), nil, parser.ParseComments)
			return err
		}
		return nil
	}))
	for _, file := range []string{"own.go", "emberhttp/options.go", "cmd/ember/main.go"} {
		require.Contains(t, s.files, file)
	}
	return s
}

// within calls f for all nodes of a package's files, or of one file.
func (s *moduleSources) within(dir string, f func(ast.Node)) {
	found := false
	for _, file := range slices.Sorted(maps.Keys(s.files)) {
		if path.Dir(file) == dir || file == dir {
			found = true
			ast.Inspect(s.files[file], func(n ast.Node) bool {
				f(n)
				return true
			})
		}
	}
	require.True(s.t, found, "%s has no files", dir)
}

// constants returns the text constants of a package that are wanted by their name, or the
// name of their type, in the order of the source.
func (s *moduleSources) constants(dir string, wanted func(name, typ string) bool) []string {
	var all []string
	s.within(dir, func(n ast.Node) {
		d, ok := n.(*ast.GenDecl)
		if !ok || d.Tok != token.CONST {
			return
		}
		for _, spec := range d.Specs {
			v := spec.(*ast.ValueSpec)
			typ, _ := v.Type.(*ast.Ident)
			if sel, ok := v.Type.(*ast.SelectorExpr); ok {
				typ = sel.Sel
			}
			if typ == nil {
				typ = ast.NewIdent("")
			}
			for i, name := range v.Names {
				if i < len(v.Values) && wanted(name.Name, typ.Name) {
					if text, ok := literal(v.Values[i]); ok {
						all = append(all, text)
					}
				}
			}
		}
	})
	require.NotEmpty(s.t, all, "%s has no such constants", dir)
	return all
}

// constant returns a constant of a package.
func (s *moduleSources) constant(dir, name string) string {
	all := s.constants(dir, func(n, _ string) bool { return n == name })
	require.Len(s.t, all, 1, name)
	return all[0]
}

// described returns the text constants of a type, each with the comment behind it.
func (s *moduleSources) described(dir, typ string) [][2]string {
	comments := make(map[string]string)
	s.within(dir, func(n ast.Node) {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if text, ok := literal(v.Values[0]); ok {
				comments[text] = strings.TrimSpace(v.Comment.Text())
			}
		}
	})
	var all [][2]string
	for _, text := range s.constants(dir, func(_, t string) bool { return t == typ }) {
		require.NotEmpty(s.t, comments[text], "%s does not say what %s means", dir, text)
		all = append(all, [2]string{text, comments[text]})
	}
	return all
}

// variable returns the elements of a composite literal that is a variable of a package.
func (s *moduleSources) variable(dir, name string) []ast.Expr {
	var found []ast.Expr
	s.within(dir, func(n ast.Node) {
		v, ok := n.(*ast.ValueSpec)
		if !ok {
			return
		}
		for i, n := range v.Names {
			if n.Name == name && i < len(v.Values) {
				found = v.Values[i].(*ast.CompositeLit).Elts
			}
		}
	})
	require.NotEmpty(s.t, found, "%s has no variable %s", dir, name)
	return found
}

// texts is variable for texts.
func (s *moduleSources) texts(dir, name string) []string {
	var all []string
	for _, e := range s.variable(dir, name) {
		text, ok := literal(e)
		require.True(s.t, ok, name)
		all = append(all, text)
	}
	return all
}

// function returns the body of a function of a package.
func (s *moduleSources) function(dir, name string) ast.Node {
	var found ast.Node
	s.within(dir, func(n ast.Node) {
		if f, ok := n.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == name {
			found = f.Body
		}
	})
	require.NotNil(s.t, found, "%s has no function %s", dir, name)
	return found
}

// cases returns the texts that a function's switches tell apart.
func (s *moduleSources) cases(dir, function string) []string {
	var all []string
	ast.Inspect(s.function(dir, function), func(n ast.Node) bool {
		if c, ok := n.(*ast.CaseClause); ok {
			for _, e := range c.List {
				if text, ok := literal(e); ok && text != "" {
					all = append(all, text)
				}
			}
		}
		return true
	})
	require.NotEmpty(s.t, all, function)
	return all
}

// returns returns the texts that a function returns as such.
func (s *moduleSources) returns(dir, function string) []string {
	var all []string
	ast.Inspect(s.function(dir, function), func(n ast.Node) bool {
		if r, ok := n.(*ast.ReturnStmt); ok {
			for _, e := range r.Results {
				if text, ok := literal(e); ok {
					all = append(all, text)
				}
			}
		}
		return true
	})
	require.NotEmpty(s.t, all, function)
	return all
}

// literal returns the text that an expression is.
func literal(e ast.Node) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

var (
	metricName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	// helpText is how all texts of this kind are written.
	helpText = regexp.MustCompile(`^[A-Z0-9].* .*\.$`)
	// definitions are types whose Name is that of a metric, even if they have no Help.
	definitions = regexp.MustCompile(`^(\w+Opts|Desc|Family)$`)
)

// defined returns the names of metrics that the sources define, with where they do: the
// Name of options and descriptions, a name that a help text follows in a call or a literal,
// and any text that begins like the metrics of one of the families, such as "http".
func (s *moduleSources) defined(families map[string]bool) map[string]string {
	all := make(map[string]string)
	for file, f := range s.files {
		ast.Inspect(f, func(n ast.Node) bool {
			var name string
			switch n := n.(type) {
			case *ast.BasicLit:
				text, _ := literal(n)
				if first, _, ok := strings.Cut(text, "_"); ok && families[first] && metricName.MatchString(text) {
					name = text
				}
			case *ast.CallExpr:
				name = named(n.Args)
			case *ast.CompositeLit:
				if name = named(n.Elts); name == "" {
					name = nameField(n)
				}
			}
			if name != "" {
				all[name] = fmt.Sprint(file, ":", s.set.Position(n.Pos()).Line)
			}
			return true
		})
	}
	return all
}

// named returns the name that a help text follows.
func named(list []ast.Expr) string {
	name := ""
	for _, e := range list {
		text, ok := literal(e)
		switch {
		case ok && name == "" && metricName.MatchString(text):
			name = text
		case ok && helpText.MatchString(text):
			return name
		}
	}
	return ""
}

// nameField returns the full name of a metric that a literal defines by field names.
func nameField(c *ast.CompositeLit) string {
	fields := make(map[string]string)
	help := false
	for _, e := range c.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return ""
		}
		if key, ok := kv.Key.(*ast.Ident); ok {
			help = help || key.Name == "Help"
			fields[key.Name], _ = literal(kv.Value)
		}
	}
	typ := ""
	switch t := c.Type.(type) {
	case *ast.Ident:
		typ = t.Name
	case *ast.SelectorExpr:
		typ = t.Sel.Name
	}
	if !help && !definitions.MatchString(typ) || fields["Name"] == "" {
		return ""
	}
	name := fields["Name"]
	for _, part := range []string{fields["Subsystem"], fields["Namespace"]} {
		if part != "" {
			name = part + "_" + name
		}
	}
	return name
}

// Each way to define a metric is found, and nothing else.
func TestModuleSources(t *testing.T) {
	s := &moduleSources{t, token.NewFileSet(), make(map[string]*ast.File)}
	file, err := parser.ParseFile(s.set, "a.go", `package a
var (
	a = reg.NewCounter(ember.CounterOpts{Name: "by_type_total"})
	b = metric.Desc{Namespace: "of", Subsystem: "the", Name: "parts_total", Help: h}
	c = []metric.Desc{{Name: "in_list", Help: "In a list."}}
	d = newFamilyInfo("by_call", "By a call.", "", metric.Gauge)
	e = []family{{"by_position", metric.Gauge, "bytes", "By its position."}}
	f = counter("by_helper_total", "By a helper.")
	g = "known_elsewhere"
	label = metric.Label{Name: "label", Value: "x"}
	labels = []metric.Label{{Name: "other_label", Value: "x"}}
	says = log("some_word", "and no help")
	other = "unknown_word"
)`, 0)
	require.NoError(t, err)
	s.files["a.go"] = file
	require.Equal(t, map[string]string{
		"by_type_total":      "a.go:3",
		"of_the_parts_total": "a.go:4",
		"in_list":            "a.go:5",
		"by_call":            "a.go:6",
		"by_position":        "a.go:7",
		"by_helper_total":    "a.go:8",
		"known_elsewhere":    "a.go:9",
	}, s.defined(map[string]bool{"known": true}))
}

// listed is a metric in a list of a package's documentation.
var listed = regexp.MustCompile(`(?m)^\t([a-z0-9_]+)(?:\{([a-z_,]+)\})? {2,}(counter|gauge|histogram|summary)\b`)

// documented returns the lists of metrics in comments: of each, its labels and type.
func (s *moduleSources) documented() map[string]string {
	all := make(map[string]string)
	for _, f := range s.files {
		for _, c := range f.Comments {
			for _, m := range listed.FindAllStringSubmatch(c.Text(), -1) {
				all[m[1]] = m[3] + " with " + m[2]
			}
		}
	}
	return all
}
