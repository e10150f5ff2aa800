package serve

import (
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Card describes a model. Its JSON has, beside the fields of OpenAI's API, vLLM's parent and max_model_len.
type Card struct {
	Base     string   `json:"parent,omitempty"`  // the name of the same model without its adapter
	Adapter  string   `json:"adapter,omitempty"` // what the adapter computes, for people
	Recipe   string   `json:"recipe,omitempty"`  // the prompt template; "": the model continues texts, there are no chats
	Single   bool     `json:"single_turns"`      // the prompt takes one instruction and knows no history
	Context  int      `json:"max_model_len"`     // tokens of prompt and answer together
	Defaults Defaults `json:"defaults"`

	Made time.Time `json:"-"` // when its files were written
}

// String describes the model in a phrase.
func (c Card) String() string {
	prompt := "no prompt template, it continues texts"
	if c.Recipe != "" {
		prompt = "prompt template " + c.Recipe
	}
	if c.Single {
		prompt += ", one instruction at a time"
	}
	of := "no adapter"
	if c.Adapter != "" {
		of = c.Adapter
	}
	return fmt.Sprintf("%s; %s; context %d tokens", of, prompt, c.Context)
}

// Defaults holds the settings of answers to requests that do not choose their own.
type Defaults struct {
	MaxTokens         int     `json:"max_tokens"`
	Temperature       float64 `json:"temperature"`
	TopP              float64 `json:"top_p"`
	TopK              int     `json:"top_k"`
	MinP              float64 `json:"min_p"`
	RepetitionPenalty float64 `json:"repetition_penalty"`
	FrequencyPenalty  float64 `json:"frequency_penalty"`
	PresencePenalty   float64 `json:"presence_penalty"`
}

// entry is a model in the list of /v1/models.
type entry struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	Owner   string `json:"owned_by"`
	Most    int    `json:"max_completion_tokens,omitempty"` // see Options.MaxTokens
	Card
}

func (s *Server) entry(name string) entry {
	card := s.engine.Card(name)
	made := card.Made
	if made.IsZero() {
		made = s.begun
	}
	return entry{ID: name, Object: "model", Created: made.Unix(), Owner: "fettle", Most: s.o.MaxTokens, Card: card}
}

func (s *Server) models(w http.ResponseWriter, _ *http.Request) {
	list := []entry{}
	for _, name := range s.engine.Models() {
		list = append(list, s.entry(name))
	}
	respond(w, http.StatusOK, map[string]any{"object": "list", "data": list})
}

func (s *Server) model(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("model")
	if !slices.Contains(s.engine.Models(), name) {
		fail(w, http.StatusNotFound, "model", s.unknown(name))
		return
	}
	respond(w, http.StatusOK, s.entry(name))
}
