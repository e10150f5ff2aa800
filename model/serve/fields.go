package serve

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"

	"fettle/internal/suggest"
)

// other describes a field that the server does not carry out: its value is ignored where it cannot change an answer,
// otherwise it may only be null or one of the neutral values, which ask for nothing.
type other struct {
	name     string
	harmless bool
	neutral  string // JSON values, one after another
	why      string // what the server answers to other values
}

// others lists fields of OpenAI's API and of the extensions that clients of vLLM, llama.cpp and Ollama send.
func others() []other {
	const noTools = "this server does not offer tools to the model"
	const noSampling = "this way of sampling is not implemented"
	const noTemplate = "the prompt's template is the server's"
	const noPlan = "answers are not constrained"
	return []other{
		{name: "user", harmless: true}, {name: "metadata", harmless: true}, {name: "store", harmless: true},
		{name: "service_tier", harmless: true}, {name: "safety_identifier", harmless: true},
		{name: "prompt_cache_key", harmless: true}, {name: "prompt_cache_retention", harmless: true},
		{name: "parallel_tool_calls", harmless: true}, {name: "prediction", harmless: true},
		{name: "cache_prompt", harmless: true}, {name: "id_slot", harmless: true}, {name: "keep_alive", harmless: true},
		{name: "priority", harmless: true}, {name: "request_id", harmless: true}, {name: "cache_salt", harmless: true},
		{name: "timings_per_token", harmless: true}, {name: "return_progress", harmless: true},

		{name: "tools", neutral: `[]`, why: noTools}, {name: "functions", neutral: `[]`, why: noTools},
		{name: "tool_choice", neutral: `"none" "auto"`, why: noTools},
		{name: "function_call", neutral: `"none" "auto"`, why: noTools},
		{name: "web_search_options", why: noTools},
		{name: "top_logprobs", neutral: `0`, why: "probabilities of a chat's tokens are not returned"},
		{name: "prompt_logprobs", neutral: `false 0`, why: "echo and logprobs of /v1/completions return them"},
		{name: "suffix", neutral: `""`, why: "texts are continued at their end only"},
		{name: "modalities", neutral: `["text"] []`, why: "this server writes text only"},
		{name: "audio", why: "this server writes text only"},
		{name: "images", neutral: `[]`, why: "this server reads text only"},
		{name: "reasoning_effort", neutral: `"none"`, why: "the effort of an answer cannot be chosen"},
		{name: "verbosity", neutral: `"medium"`, why: "the length of an answer can be limited only, by max_tokens"},
		{name: "think", neutral: `false`, why: "the effort of an answer cannot be chosen"},
		{name: "moderation", why: "answers are not moderated"},

		{name: "repeat_penalty", neutral: `1`, why: "it is called repetition_penalty here"},
		{name: "n_predict", why: "it is called max_tokens here"}, {name: "num_predict", why: "it is called max_tokens here"},
		{name: "max_new_tokens", why: "it is called max_tokens here"},
		{name: "options", neutral: `{}`, why: "settings stand in the request itself, as in OpenAI's API"},
		{name: "extra_body", neutral: `{}`, why: "settings stand in the request itself; OpenAI's client moves them there"},
		{name: "num_ctx", why: "the context is the model's"},
		{name: "truncate_prompt_tokens", why: "\"truncate\": true leaves out the oldest messages"},
		{name: "use_beam_search", neutral: `false`, why: noSampling}, {name: "length_penalty", neutral: `1`, why: noSampling},
		{name: "early_stopping", neutral: `false`, why: noSampling}, {name: "typical_p", neutral: `1`, why: noSampling},
		{name: "tfs_z", neutral: `1`, why: noSampling}, {name: "mirostat", neutral: `0`, why: noSampling},
		{name: "mirostat_tau", neutral: `5`, why: noSampling}, {name: "mirostat_eta", neutral: `0.1`, why: noSampling},
		{name: "dry_multiplier", neutral: `0`, why: noSampling}, {name: "xtc_probability", neutral: `0`, why: noSampling},
		{name: "dynatemp_range", neutral: `0`, why: noSampling}, {name: "top_a", neutral: `0`, why: noSampling},
		{name: "do_sample", neutral: `true`, why: "temperature 0 always takes the most probable token"},
		{name: "min_tokens", neutral: `0`, why: "the end of an answer is the model's"},
		{name: "ignore_eos", neutral: `false`, why: "the end of an answer is the model's"},
		{name: "stop_token_ids", neutral: `[]`, why: "stop takes texts"},
		{name: "bad_words", neutral: `[]`, why: "logit_bias makes tokens impossible"},
		{name: "allowed_token_ids", neutral: `[]`, why: "logit_bias makes tokens impossible"},
		{name: "include_stop_str_in_output", neutral: `false`, why: "answers end before the stop text"},
		{name: "skip_special_tokens", neutral: `true`, why: "control tokens have no text"},
		{name: "spaces_between_special_tokens", neutral: `true false`, why: "control tokens have no text"},
		{name: "add_special_tokens", neutral: `true`, why: "a prompt of tokens is taken as it is"},
		{name: "return_tokens_as_token_ids", neutral: `false`, why: "answers are text"},
		{name: "return_token_ids", neutral: `false`, why: "answers are text"},
		{name: "chat_template", why: noTemplate}, {name: "chat_template_kwargs", neutral: `{}`, why: noTemplate},
		{name: "add_generation_prompt", neutral: `true`, why: noTemplate},
		{name: "continue_final_message", neutral: `false`, why: noTemplate},
		{name: "documents", neutral: `[]`, why: noTemplate},
		{name: "grammar", neutral: `""`, why: noPlan}, {name: "json_schema", neutral: `{}`, why: noPlan},
		{name: "format", neutral: `""`, why: noPlan}, {name: "structured_outputs", neutral: `{}`, why: noPlan},
		{name: "guided_json", why: noPlan}, {name: "guided_regex", why: noPlan}, {name: "guided_choice", why: noPlan},
		{name: "guided_grammar", why: noPlan},
	}
}

// permit refuses a field that the server does not carry out, unless its value asks for nothing. place is where the
// field stands, as in "messages[0].".
func permit(place, name string, value json.RawMessage, list []other) error {
	var names []string
	for _, o := range list {
		if o.name != name {
			names = append(names, o.name)
			continue
		}
		if o.harmless || o.accepts(value) {
			return nil
		}
		return Wrong{place + name, fmt.Sprintf("%s%s is %s: %s", place, name, short(value), o.why)}
	}
	if place == "" {
		names = slices.AppendSeq(names, maps.Keys((&body{}).fields()))
	}
	slices.Sort(names)
	return Wrong{place + name, fmt.Sprintf("unknown field %s%s%s", place, name, suggest.DidYouMean(name, names, ""))}
}

// accepts reports whether a value is one of the neutral ones.
func (o other) accepts(value json.RawMessage) bool {
	var given any
	if json.Unmarshal(value, &given) != nil {
		return false
	}
	for d := json.NewDecoder(bytes.NewReader([]byte(o.neutral))); ; {
		var neutral any
		if d.Decode(&neutral) != nil {
			return given == nil
		}
		if reflect.DeepEqual(given, neutral) {
			return true
		}
	}
}

// decode stores a field's value. Its errors name the field, the value and the kind of value that is wanted.
func decode(name string, value json.RawMessage, into any) error {
	want, null := "another kind of value", false
	switch to := into.(type) {
	case *json.RawMessage:
		*to = value
		return nil
	case **int:
		want = "a whole number"
		if f, err := strconv.ParseFloat(string(value), 64); err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<31 {
			n := int(f) // also 5.0, which JavaScript and Python write for 5
			*to = &n
			return nil
		}
	case **int64:
		want = "a whole number of 64 bits"
	case **float64:
		want = "a number"
	case **bool:
		want = "true or false"
	case **string:
		want = "a text"
	case *texts:
		want = "a text or a list of texts"
		null = holdsNull(value)
	case *map[string]float64:
		want = `numbers by token, {"15043": -100}`
		null = holdsNull(value)
	case **streamOptions:
		want = `{"include_usage": true or false}`
	}
	d := json.NewDecoder(bytes.NewReader(value))
	d.DisallowUnknownFields()
	if null || d.Decode(into) != nil {
		return Wrong{name, fmt.Sprintf("%s is %s, want %s", name, short(value), want)}
	}
	return nil
}

// short returns a JSON value for a message.
func short(value json.RawMessage) string {
	const most = 60
	if letters := []rune(string(value)); len(letters) > most {
		return string(letters[:most]) + "…"
	}
	return string(value)
}
