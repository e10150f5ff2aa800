// Command make trains fettle's built-in model from random weights: it generates the text, trains the tokenizer,
// pre-trains the model with fettle's own loop, and writes the files that package builtin embeds.
//
//	go run ./internal/builtin/make
package main

import (
	"bytes"
	"context"
	"flag"
	"log"
	"os"
	"path/filepath"

	"fettle/adapter"
	"fettle/data"
	"fettle/internal/atomicfile"
	"fettle/internal/checkpoint"
	"fettle/internal/checkpoint/safetensors"
	"fettle/internal/compute/cpu"
	"fettle/internal/world"
	"fettle/model"
	"fettle/model/tokenizer"
	"fettle/train"
)

const (
	seed      = 1
	pieces    = 1024 // at most
	documents = 18000
	batch     = 24
)

// shape has 2.1 million weights.
var shape = model.Config{
	Type: "llama", Hidden: 160, Intermediate: 448, Layers: 6, Heads: 5, KVHeads: 5, HeadDim: 32,
	MaxPositions: 256, NormEps: 1e-5, RopeTheta: 10000, Tied: true, BOS: 1, EOS: []int32{2},
}

func main() {
	log.SetFlags(0)
	out := flag.String("out", filepath.Join("internal", "builtin", "files"), "directory for the files")
	work := flag.String("work", filepath.Join(os.TempDir(), "fettle-base"), "directory for the run")
	untrained := flag.Bool("untrained", false, "write the model before training, for comparison")
	flag.Parse()
	if err := makeModel(*out, *work, *untrained); err != nil {
		log.Fatal(err)
	}
}

// makeModel trains the model, unless untrained is set, and writes its files.
func makeModel(out, work string, untrained bool) error {
	corpus := world.Corpus(seed, documents)
	vocabulary := world.Tokenizer(corpus[:4000], pieces)
	tok, err := tokenizer.Parse(vocabulary)
	if err != nil {
		return err
	}
	shape.Vocab = tok.Size()
	dev, err := cpu.New(cpu.Options{Compute: "f32"})
	if err != nil {
		return err
	}
	m, err := model.Drawn(&shape, seed, 0.04, dev)
	if err != nil {
		return err
	}
	set, err := adapter.New(adapter.Full{}, m, 0)
	if err != nil {
		return err
	}
	if untrained {
		return write(out, set, vocabulary)
	}
	c := train.Defaults()
	c.Type, c.OutputDir, c.Recompute = adapter.TypeFull, work, "none"
	c.BatchSize, c.Epochs, c.LearningRate, c.Schedule, c.WarmupSteps = batch, 1, 3e-3, "cosine", 60
	c.Beta2, c.WeightDecay, c.SaveSteps, c.SaveLimit, c.LoggingSteps = 0.95, 0.02, 200, 1, 25
	m.Keep(1 << 30)
	job := train.Job{Model: m, Adapter: set,
		Status: func(forms ...string) { log.Print(forms[0]) }}
	for _, text := range corpus {
		ids := append(append([]int32{tok.BOS()}, tok.Encode(text)...), tok.EOS())
		job.Training = append(job.Training, data.Example{Tokens: ids, Labels: ids})
	}
	held := len(job.Training) / 100
	job.Training, job.Evaluation = job.Training[held:], job.Training[:held]
	if _, err := train.Run(context.Background(), c, job); err != nil {
		return err
	}
	return write(out, set, vocabulary)
}

// write writes the model's files into dir, with the weights rounded to bfloat16.
func write(dir string, set *adapter.Set, vocabulary []byte) error {
	var tensors []checkpoint.Tensor
	for _, p := range set.Params() {
		t, err := checkpoint.Rounded(p.Name, checkpoint.BF16, p.Shape, p.Data)
		if err != nil {
			return err
		}
		tensors = append(tensors, t)
	}
	var weights bytes.Buffer
	if err := safetensors.Encode(&weights, tensors, map[string]string{"format": "pt"}); err != nil {
		return err
	}
	config, err := shape.JSON()
	if err != nil {
		return err
	}
	config = bytes.Replace(config, []byte(`"float32"`), []byte(`"bfloat16"`), 1)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range map[string][]byte{"config.json": config, "model.safetensors": weights.Bytes(),
		"tokenizer.model": vocabulary} {
		if err := atomicfile.Write(filepath.Join(dir, name), atomicfile.Bytes(text)); err != nil {
			return err
		}
	}
	return nil
}
