package adapter

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"fettle/model"
)

// Doubt is a setting of a method that is allowed and hardly meant.
type Doubt struct{ Key, Text string }

// Doubts lists a method's settings that are allowed and hardly meant on a model of these dimensions.
func Doubts(m Method, c *model.Config) []Doubt {
	if d, ok := m.(interface{ doubts(*model.Config) []Doubt }); ok {
		return d.doubts(c)
	}
	return nil
}

// Bounds beyond which settings of LoRA are hardly meant.
const (
	mostScale   = 32  // of alpha/rank; 0.25 … 4 is usual
	mostDropout = 0.5 // 0 … 0.1 is usual
)

func (l LoRA) doubts(c *model.Config) (all []Doubt) {
	add := func(does bool, key, format string, args ...any) {
		if does {
			all = append(all, Doubt{key, fmt.Sprintf(key+" is "+format, args...)})
		}
	}
	if text := l.tooWide(c); text != "" {
		add(true, "lora_rank", "%d: %s", l.Rank, text)
	}
	add(l.Alpha < 0, "lora_alpha", "%v: a negative scale learns what the positive one does; write %v", l.Alpha, -l.Alpha)
	scale := loraScale(math.Abs(l.Alpha), l.Rank, l.RSLoRA)
	add(scale > mostScale, "lora_alpha", "%v and lora_rank %d: its output is multiplied by %.4g; 0.25 … 4 is usual",
		l.Alpha, l.Rank, scale)
	add(l.Dropout > mostDropout, "lora_dropout", "%v: most inputs of LoRA are dropped; 0 … 0.1 is usual", l.Dropout)
	return all
}

// tooWide describes a module whose projection has no higher rank than LoRA's; "" if there is none. Its A and B then
// have no fewer parameters than they could ever need.
func (l LoRA) tooWide(c *model.Config) string {
	sites, err := l.sites(c)
	if err != nil || l.Stored {
		return ""
	}
	var names []string
	narrowest, its := 0, loraSite{}
	for _, s := range sites {
		most := min(s.form.in, s.form.out)
		if s.form.r < most {
			continue
		}
		if name := s.at.At.String(); !slices.Contains(names, name) {
			names = append(names, name)
		}
		if narrowest == 0 || most < narrowest {
			narrowest, its = most, s
		}
	}
	if narrowest == 0 {
		return ""
	}
	return fmt.Sprintf("no matrix of %s has a rank above %d, and LoRA would train %d numbers where the whole matrix has "+
		"%d; set it to %d or fewer", strings.Join(names, ", "), narrowest, its.form.r*(its.form.in+its.form.out),
		its.form.in*its.form.out, max(1, narrowest/4))
}

// widest returns the highest rank that the change of an adapted matrix can have, 0 if that is not known.
func (l LoRA) widest(c *model.Config) (most int) {
	l.Rank = 1
	sites, err := l.sites(c)
	if err != nil {
		return 0
	}
	for _, s := range sites {
		most = max(most, min(s.form.in, s.form.out))
	}
	return most
}

func (a LLaMAAdapter) doubts(c *model.Config) []Doubt {
	if a.Len <= c.MaxPositions {
		return nil
	}
	text := "adapter_len is %d: more prompts than the base has positions, %d; 10 is usual"
	return []Doubt{{"adapter_len", fmt.Sprintf(text, a.Len, c.MaxPositions)}}
}
