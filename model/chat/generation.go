package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"fettle/internal/fault"
	"fettle/internal/identify"
	"fettle/internal/plainjson"
	"fettle/internal/readfile"
)

// GenerationFile names the file with a model's own settings of generation.
const GenerationFile = "generation_config.json"

// Generation holds the settings of a generation_config.json, Hugging Face's file of a model's defaults, or of a GGUF
// file. A nil field is not set there.
type Generation struct {
	Path         string   `json:"-"` // "": there is no file
	Ends         tokenIDs `json:"eos_token_id"`
	Sample       *bool    `json:"do_sample"`
	Temperature  *float64 `json:"temperature"`
	TopK         *int     `json:"top_k"`
	TopP         *float64 `json:"top_p"`
	MinP         *float64 `json:"min_p"`
	Repetition   *float64 `json:"repetition_penalty"`
	MaxNewTokens *int     `json:"max_new_tokens"`
	Stop         []string `json:"stop_strings"`
	Suppressed   tokenIDs `json:"suppress_tokens"`

	other map[string]json.RawMessage
}

// ReadGeneration reads the settings of the first model that has some: the generation_config.json of a directory, or the
// keys general.sampling of a GGUF file. A path "" is skipped.
func ReadGeneration(paths ...string) (g Generation, err error) {
	for _, from := range paths {
		if from == "" {
			continue
		}
		dir, keys, err := parts(from)
		if err != nil {
			return g, fault.Mark(err, fault.Input)
		}
		if keys != nil {
			if g, err = ggufGeneration(from, keys); err != nil || g.Path != "" {
				return g, fault.Mark(err, fault.Input)
			}
		}
		path := filepath.Join(dir, GenerationFile)
		text, err := readfile.WholeIn(dir, GenerationFile, readfile.Settings)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = identify.Damage(text)
		}
		if err == nil {
			err = json.Unmarshal(text, &g.other)
		}
		if err == nil {
			err = json.Unmarshal(text, &g)
		}
		if g.Path = path; err != nil {
			return g, fault.Mark(fmt.Errorf("read %s: %w", path, plainjson.In(text, err)), fault.Input)
		}
		return g, nil
	}
	return g, nil
}

// Defaults replaces the settings that a user has not given by those of the file. As in transformers, do_sample: false
// stands for temperature 0.
func (g Generation) Defaults(s *Sampling, given func(key string) bool) error {
	if g.Path == "" {
		return nil
	}
	before := *s
	replace(&s.Temperature, g.Temperature, given("temperature"))
	if g.Sample != nil && !*g.Sample && !given("temperature") {
		s.Temperature = 0
	}
	replace(&s.TopK, g.TopK, given("top_k"))
	s.TopK = max(s.TopK, 0) // -1 stands for all tokens in some files
	replace(&s.TopP, g.TopP, given("top_p"))
	replace(&s.MinP, g.MinP, given("min_p"))
	replace(&s.Repetition, g.Repetition, given("repetition_penalty"))
	replace(&s.MaxNewTokens, g.MaxNewTokens, given("max_new_tokens"))
	if !given("stop") {
		s.Stop = append(slices.Clone(s.Stop), g.Stop...)
	}
	s.Absent = append(slices.Clone(s.Absent), g.Suppressed...)
	if before.Check() == nil {
		if err := s.Check(); err != nil {
			return fault.Mark(fmt.Errorf("read %s: %w", g.Path, err), fault.Input)
		}
	}
	return nil
}

func replace[T any](to, from *T, given bool) {
	if from != nil && !given {
		*to = *from
	}
}

// Unsupported lists the settings of the file that would change answers and that this program does not have, as
// "key: value", sorted.
func (g Generation) Unsupported() []string {
	var found []string
	for key, neutral := range unsupportedGeneration() {
		raw, ok := g.other[key]
		if !ok || string(raw) == "null" || slices.Contains(neutral, string(bytes.TrimSpace(raw))) {
			continue
		}
		found = append(found, fmt.Sprintf("%s: %.40s", key, raw))
	}
	slices.Sort(found)
	return found
}

// unsupportedGeneration lists transformers' other settings that change answers, each with the values at which it has no
// effect, beside null.
func unsupportedGeneration() map[string][]string {
	zero, one, no, none := []string{"0", "0.0"}, []string{"1", "1.0"}, []string{"false"}, []string{"[]"}
	return map[string][]string{
		"num_beams": one, "num_beam_groups": one, "diversity_penalty": zero, "penalty_alpha": zero, "typical_p": one,
		"epsilon_cutoff": zero, "eta_cutoff": zero, "encoder_repetition_penalty": one, "no_repeat_ngram_size": zero,
		"encoder_no_repeat_ngram_size": zero, "bad_words_ids": none, "force_words_ids": none, "min_length": zero,
		"min_new_tokens": zero, "forced_bos_token_id": nil, "forced_eos_token_id": nil,
		"begin_suppress_tokens": none, "guidance_scale": one, "sequence_bias": {"[]", "{}"},
		"exponential_decay_length_penalty": none, "watermarking_config": nil, "dola_layers": nil, "constraints": none,
		"remove_invalid_values": no, "top_h": nil,
		// llama.cpp's, in GGUF files
		"xtc_probability": zero, "mirostat": zero,
	}
}

// tokenIDs reads one token or a list of tokens.
type tokenIDs []int32

// UnmarshalJSON reads 2, [2, 3] or null.
func (t *tokenIDs) UnmarshalJSON(text []byte) error {
	var one *int32
	if json.Unmarshal(text, &one) == nil {
		if one != nil {
			*t = tokenIDs{*one}
		}
		return nil
	}
	var list []int32
	if json.Unmarshal(text, &list) != nil {
		return fmt.Errorf("%.40s is neither a token's number nor a list of them", text)
	}
	*t = list
	return nil
}
