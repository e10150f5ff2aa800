package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"fettle/adapter"
	"fettle/internal/compute/ref"
	"fettle/internal/tinymodel"
	"fettle/model"
)

func TestAdaptersOfEveryFormAnswerAndLearn(t *testing.T) {
	base, set := tiny(t, tinymodel.Config{}), rows(t, 14)
	lora := trainedAdapter(t, base)
	prompts := trainedAdapter(t, base, "--finetuning_type", "llama-adapter")
	ask := []string{"generate", "--prompt", "say a", "--max_new_tokens", "5", "--temperature", "0"}
	for _, c := range []struct {
		form adapter.Form
		from string
	}{
		{adapter.PEFT, lora}, {adapter.GGUFLoRA, lora}, {adapter.MLX, lora}, {adapter.LitGPT, lora},
		{adapter.LitGPT, prompts}, {adapter.Official, prompts},
	} {
		t.Run(string(c.form), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "adapter")
			must(t, "convert", "--input", c.from, "--output", path, "--format", string(c.form))
			named := append(ask, "--adapter_name_or_path", path)
			if c.form == adapter.Official { // a file of tensors alone
				code, _, said := call("", named...)
				require.Equal(t, exitUsage, code)
				require.Contains(t, said, "names no base model")
				named = append(named, "--model_name_or_path", base)
				code, _, said = call("", named...)
				require.NotZero(t, code)
				require.Contains(t, said, "no prompt template: pass --recipe")
				named = append(named, "--recipe", "alpaca-lora-short")
			}
			require.Equal(t, must(t, append(ask, "--adapter_name_or_path", c.from)...), must(t, named...))

			out := filepath.Join(t.TempDir(), "run")
			must(t, training(base, set, out, "--adapter_name_or_path", path, "--max_steps", "2")...)
			record, err := adapter.ReadRecord(out)
			require.NoError(t, err)
			first, err := adapter.ReadRecord(c.from)
			require.NoError(t, err)
			require.Equal(t, first.Type, record.Type)
			code, _, said := call("", append(ask, "--adapter_name_or_path", out+":0.5", "--verbose")...)
			require.Zero(t, code)
			require.Contains(t, said, "adapter: "+record.Type+": ")
			if record.Type == adapter.TypeLoRA {
				require.Contains(t, said, "rank 8, scale 1\n", "half of alpha 16")
			}
			must(t, append(ask, "--adapter_name_or_path", out)...)
		})
	}
}

func TestAGGUFLoRAOnAGGUFBaseEqualsPEFTsOnHuggingFaces(t *testing.T) {
	base := tiny(t, tinymodel.Config{Hidden: 32, Intermediate: 32})
	lora := trainedAdapter(t, base, "--lora_target_modules", "all-linear", "--learning-rate", "5e-2")
	file := filepath.Join(t.TempDir(), "lora.gguf")
	must(t, "convert", "--input", lora, "--output", file)
	paths := []string{base, asGGUF(t, base, "F32")}
	var want []float32
	for _, path := range paths {
		for _, name := range []string{lora, file} {
			m, err := model.LoadAs(path, ref.New(), "none")
			require.NoError(t, err)
			s, err := adapter.LoadOnto(name, nil, m)
			require.NoError(t, err)
			got, err := s.Model().Logits(model.Pack([][]int32{{1, 7, 30, 2, 19}}, nil), []int{4})
			require.NoError(t, err)
			if want == nil {
				want = got
			}
			require.Equal(t, want, got, "%s on %s", name, path)
		}
	}
}

func TestAnAdapterIsUsedOnACopyOfItsBaseOnRequest(t *testing.T) {
	base := tiny(t, tinymodel.Config{Hidden: 32, Intermediate: 32})
	ask := []string{"generate", "--prompt", "say a", "--max_new_tokens", "5", "--temperature", "0", "--model_name_or_path",
		asGGUF(t, base, "Q8_0"), "--adapter_name_or_path", trainedAdapter(t, base)}
	code, _, said := call("", ask...)
	require.Equal(t, exitData, code)
	require.Contains(t, said, "it was trained on another base")
	require.Contains(t, said, "--allow_other_base uses the adapter on it")
	must(t, append(ask, "--allow_other_base")...)
}

func TestAnAdapterContinuesOnACopyOfItsBaseOnRequest(t *testing.T) {
	base := tiny(t, tinymodel.Config{Hidden: 32, Intermediate: 32})
	copied, to := asGGUF(t, base, "Q8_0"), filepath.Join(t.TempDir(), "run")
	run := training(copied, rows(t, 14), to, "--adapter_name_or_path", trainedAdapter(t, base))
	code, _, said := call("", run...)
	require.Equal(t, exitData, code)
	require.Contains(t, said, "--allow_other_base uses the adapter on it")
	must(t, append(run, "--allow_other_base")...)
	must(t, "generate", "--adapter_name_or_path", to, "--prompt", "say a", "--max_new_tokens", "3")
	config, err := os.ReadFile(filepath.Join(to, adapter.ConfigFile))
	require.NoError(t, err)
	require.Contains(t, string(config), filepath.Base(copied), "the base that it was trained on last")
}
