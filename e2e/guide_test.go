package e2e

import (
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/tickcast/tickcast/catalog"
)

const guide = "../docs/client-guide.md"

var updateGuide = flag.Bool("update", false, "copy the programs into the client guide again")

// fenced are the blocks of code in the guide: language, what it is (a topic, or a file's path), text.
var fenced = regexp.MustCompile("(?ms)^```(\\w+) (\\S+)\n(.*?)^```$")

// TestGuideShowsRealMessagesAndTheTestedPrograms sees that the examples fit their schemas, that each has one, and that the programs are the files that
// TestThirdPartySnippets runs.
func TestGuideShowsRealMessagesAndTheTestedPrograms(t *testing.T) {
	b, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	cat, err := catalog.Load("", "", catalog.Embedded)
	if err != nil {
		t.Fatal(err)
	}
	all := schemas(t)
	shown := map[string]int{}
	for _, block := range fenced.FindAllStringSubmatch(text, -1) {
		language, of, body := block[1], block[2], block[3]
		if language == "json" {
			name := schemaOf(cat, of)
			if all[name] == nil {
				t.Errorf("example of %s: no schema %q", of, name)
			} else if err := validate(all[name], []byte(body)); err != nil {
				t.Errorf("example of %s: %v", of, err)
			}
			shown[name]++
			continue
		}
		file, err := os.ReadFile("../docs/" + of)
		if err != nil {
			t.Fatal(err)
		}
		shown[of]++
		if string(file) == body {
			continue
		}
		if !*updateGuide {
			t.Errorf("%s differs from the guide's text; go test ./e2e -run Guide -update copies it", of)
		}
		text = strings.Replace(text, block[0], "```"+language+" "+of+"\n"+string(file)+"```", 1)
	}
	for name := range all {
		if name != "common.json" && shown[name] == 0 {
			t.Errorf("the guide has no example for %s", name)
		}
	}
	for _, program := range []string{"follow.html", "follow.mjs", "follow.go", "follow.py", "follow.sh"} {
		if shown["snippets/"+program] != 1 {
			t.Errorf("%s is in the guide %d times", program, shown["snippets/"+program])
		}
	}
	if *updateGuide && text != string(b) {
		if err := os.WriteFile(guide, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
