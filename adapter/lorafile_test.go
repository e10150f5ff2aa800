package adapter

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// adapted lists the adapted projections of three layers as "0.q 1.v", sorted.
func adapted(t *testing.T, keys string) string {
	var names []string
	for name := range scales(t, read(t, keys)) {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(name, "layers."), "_proj"))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// The expected modules are those of peft.tuners.tuners_utils.check_target_module_exists, version 0.21.2.
func TestModulesAreSelectedAsPEFTSelectsThem(t *testing.T) {
	for _, c := range []struct{ name, keys, want string }{
		{"none named: q and v", `"r": 2`, "0.q 0.v 1.q 1.v 2.q 2.v"},
		{"null", `"target_modules": null`, "0.q 0.v 1.q 1.v 2.q 2.v"},
		{"all", `"target_modules": "all-linear"`, "0.down 0.gate 0.k 0.o 0.q 0.up 0.v " +
			"1.down 1.gate 1.k 1.o 1.q 1.up 1.v 2.down 2.gate 2.k 2.o 2.q 2.up 2.v"},
		{"a longer ending", `"target_modules": ["1.self_attn.q_proj", "mlp.up_proj"]`, "0.up 1.q 1.up 2.up"},
		{"an ending in the middle of a name", `"target_modules": ["k_proj", "_proj", "proj"]`, "0.k 1.k 2.k"},
		{"names of other architectures", `"target_modules": ["o_proj", "query_key_value", "c_attn", "dense"]`, "0.o 1.o 2.o"},
		{"a whole path", `"target_modules": ["model.layers.2.mlp.down_proj"]`, "2.down"},
		{"text is an expression for the whole path", `"target_modules": ".*\\.[02]\\..*\\.(k|up)_proj"`, "0.k 0.up 2.k 2.up"},
		{"look-behind", `"target_modules": ".*(?<!s\\.1)\\.self_attn\\.o_proj"`, "0.o 2.o"},
		{"excluded by ending", `"target_modules": ["q_proj", "k_proj"], "exclude_modules": ["1.self_attn.k_proj", "x"]`,
			"0.k 0.q 1.q 2.k 2.q"},
		{"excluded though named whole", `"target_modules": ["model.layers.0.mlp.up_proj", "v_proj"],
			"exclude_modules": ["up_proj"]`, "0.v 1.v 2.v"},
		{"excluded by expression", `"target_modules": ["q_proj", "o_proj"], "exclude_modules": ".*(0.*q|2.*o)_proj"`,
			"0.o 1.o 1.q 2.q"},
		{"an expression of the whole path alone", `"target_modules": ["k_proj"], "exclude_modules": "k_proj"`, "0.k 1.k 2.k"},
		{"both expressions", `"target_modules": ".*v_proj", "exclude_modules": ".*(?=1).*"`, "0.v 2.v"},
		{"excluded from all", `"target_modules": "all-linear", "exclude_modules": ["mlp.up_proj", "gate_proj", "down_proj",
			"o_proj", "k_proj"]`, "0.q 0.v 1.q 1.v 2.q 2.v"},
		{"one layer", `"target_modules": ["q_proj"], "layers_to_transform": 1`, "1.q"},
		{"layer 0", `"target_modules": ["q_proj"], "layers_to_transform": 0`, "0.q"},
		{"layers", `"target_modules": ["q_proj"], "layers_to_transform": [2, 0, 9]`, "0.q 2.q"},
		{"an empty list of layers", `"target_modules": ["q_proj"], "layers_to_transform": []`, "0.q 1.q 2.q"},
		{"whole paths in other layers", `"target_modules": ["k_proj", "model.layers.0.self_attn.k_proj"],
			"layers_to_transform": [2]`, "0.k 2.k"},
		{"what stands before the number", `"target_modules": ["k_proj"], "layers_to_transform": [2],
			"layers_pattern": "layers"`, "2.k"},
		{"an expression before it", `"target_modules": ["k_proj"], "layers_to_transform": [1],
			"layers_pattern": ["h", "l.yers"]`, "1.k"},
		{"a pattern without layers", `"target_modules": ["k_proj"], "layers_pattern": "blocks"`, "0.k 1.k 2.k"},
		{"a weight", `"target_modules": ["k_proj"], "target_parameters": ["mlp.up_proj.weight"]`,
			"0.k 0.up 1.k 1.up 2.k 2.up"},
		{"weights alone", `"target_modules": [], "target_parameters": ["model.layers.1.mlp.up_proj.weight", "x.weight"]`,
			"1.up"},
		{"a weight is not subject to layers or exclusions", `"target_modules": ["k_proj"], "layers_to_transform": [0],
			"exclude_modules": ["up_proj"], "target_parameters": ["up_proj.weight"]`, "0.k 0.up 1.up 2.up"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, adapted(t, c.keys))
			l := read(t, c.keys)
			text, err := encodeMethod(l, "")
			require.NoError(t, err)
			again, _, err := decodeMethod(text)
			require.NoError(t, err)
			require.Equal(t, l, again)
		})
	}
}

func TestPatternsOfWeightsMatchTheirPaths(t *testing.T) {
	keys := `"target_modules": [], "target_parameters": ["layers.0.mlp.up_proj.weight"], "lora_alpha": 4, "r": 2, `
	for pattern, want := range map[string][2]float32{
		`"up_proj"`: {2, 2}, `"up_proj.weight"`: {4, 1}, `".*0.*"`: {4, 1},
	} {
		got := scales(t, read(t, keys+`"rank_pattern": {`+pattern+`: 4}`))
		require.Equal(t, map[string][2]float32{"layers.0.up_proj": want}, got, pattern)
	}
}

func TestMissingKeysTakePEFTsDefaults(t *testing.T) {
	l := read(t, `"target_modules": ["q_proj"], "bias": "lora_only", "fan_in_fan_out": true, "layers_pattern": ["h"]`)
	want := LoRA{Rank: 8, Alpha: 8, Targets: []string{"q_proj"}, LoRAFile: LoRAFile{Stored: true}}
	require.Equal(t, want, l)
	require.Equal(t, [2]float32{8, 1}, scales(t, l)["layers.2.q_proj"])
	require.Equal(t, [2]float32{8, -0.5}, scales(t, read(t, `"lora_alpha": -4`))["layers.0.q_proj"])
	require.Equal(t, [2]float32{4, 0}, scales(t, read(t, `"lora_alpha": 0, "r": 4`))["layers.0.v_proj"])
	rs := read(t, `"lora_alpha": 7, "r": 4, "use_rslora": true`)
	require.Equal(t, [2]float32{4, 3.5}, scales(t, rs)["layers.0.v_proj"])
}

// A scale of 0 trains nothing; in a file it is PEFT's way to switch an adapter off.
func TestOwnSettingsNeedAScale(t *testing.T) {
	own := LoRA{Rank: 2, Alpha: 4, Targets: []string{"q_proj"}}
	for alpha, want := range map[float64]string{4: "", -4: "", 0: "lora_alpha is 0, want a number other than 0"} {
		own.Alpha = alpha
		err := own.Check(threeLayers)
		require.Equal(t, want == "", err == nil)
		if err != nil {
			require.ErrorContains(t, err, want)
		}
	}
	own.Alpha, own.Targets = 4, []string{"q_proj", "w1"}
	require.ErrorContains(t, own.Check(threeLayers), `"w1" is not a module of a LLaMA`)
	own.Stored = true
	require.NoError(t, own.Check(threeLayers))
	require.Equal(t, []string{"target_modules names w1, which the base does not have"}, own.notes(threeLayers))
}

// What PEFT 0.21 does to the base's weights for each value, in LoraLayer.update_layer.
func TestInitialValuesThatLeaveTheBaseAreAccepted(t *testing.T) {
	for _, v := range []string{
		`true`, `false`, `null`, `"gaussian"`, `"Gaussian"`, `"eva"`, `"orthogonal"`, `"mica"`, `"MiCA"`,
	} {
		read(t, `"init_lora_weights": `+v+`, "eva_config": {"rho": 2.0}, "corda_config": null, "loftq_config": {}`)
	}
	for v, want := range map[string]string{
		"pissa": "changes the base's weights", "pissa_niter_16": "changes the base's weights",
		"corda": "changes the base's weights", "olora": "changes the base's weights", "OLoRA": "changes the base's weights",
		"loftq": "changes the base's weights", "lora_ga": "changes the base's weights", "milora": "is unknown and may change",
	} {
		_, _, err := decodeMethod([]byte(`{"peft_type": "LORA", "init_lora_weights": "` + v + `"}`))
		require.ErrorContains(t, err, want, v)
	}
}

func TestSettingsThatCannotBeComputedAreNamed(t *testing.T) {
	for _, c := range []struct{ keys, want string }{
		{`"use_dora": true`, "use_dora is true: DoRA is not computed here: merge it"},
		{`"alora_invocation_tokens": [1, 2]`, "alora_invocation_tokens is [1,2]"},
		{`"kasa_config": {"beta": 1}`, `kasa_config is {"beta":1}: KaSA truncates the base's weights`},
		{`"use_qalora": true`, "use_qalora is true"},
		{`"r": 0`, "rank 0 at model.layers.0.self_attn.q_proj"},
		{`"r": 70000`, "rank 70000 at model.layers.0.self_attn.q_proj, want 1 … 65536"},
		{`"r": 2.5`, "r is 2.5, want a whole number"},
		{`"r": null`, "r is null, want a whole number"},
		{`"lora_alpha": "16"`, `lora_alpha is "16", want a number`},
		{`"bias": "some"`, `bias is "some", want none, all or lora_only`},
		{`"target_modules": []`, "target_modules is empty"},
		{`"target_modules": [3]`, "target_modules is [3], want a list of names"},
		{`"target_modules": {"q_proj": 2}`, `target_modules is {"q_proj":2}, want a list of names`},
		{`"target_modules": ["c_attn", "w1"]`, `target_modules "c_attn w1" selects no module of the base`},
		{`"target_modules": ".*attn.*"`, "target_modules selects model.layers.0.self_attn, which"},
		{`"target_modules": ["q_proj", "mlp"]`, "target_modules selects model.layers.0.mlp, which"},
		{`"exclude_modules": ["self_attn.q_proj", "v_proj"]`, "leave out all that it names"},
		{`"target_modules": ".*q_proj", "exclude_modules": ".*attn.*"`, "leave out all that it names"},
		{`"target_modules": ".*c_attn", "exclude_modules": ".*attn.*"`, "of the base; choose from"},
		{`"layers_to_transform": [3]`, "leave out all that it names"},
		{`"layers_to_transform": [null]`, "layers_to_transform is [null], want a list of whole numbers"},
		{`"target_modules": ["q_proj", null]`, `target_modules is ["q_proj",null], want a list of names`},
		{`"rank_pattern": {"q_proj": null}`, `rank_pattern is {"q_proj":null}, want an object of whole numbers`},
		{`"alpha_pattern": {"q_proj": null}`, `alpha_pattern is {"q_proj":null}, want an object of numbers`},
		{`"trainable_token_indices": [null]`, "trainable_token_indices is [null], want"},
		{`"trainable_token_indices": {"embed_tokens": null}`, `is {"embed_tokens":null}, want`},
		{`"layer_replication": [[0, 2, 1]]`, "layer_replication is [[0,2,1]], want a list of [first layer, "},
		{`"layer_replication": [[2]]`, "layer_replication is [[2]], want a list of [first layer, "},
		{`"layers_to_transform": "1"`, `layers_to_transform is "1", want a whole number`},
		{`"layers_to_transform": [1], "layers_pattern": "h"`, "selects no module of the base"},
		{`"target_modules": "all-linear", "layers_to_transform": [0]`,
			"layers_to_transform is set and target_modules is text"},
		{`"target_parameters": ["q_proj.weight"]`, "target_modules and target_parameters both select"},
		{`"target_parameters": ["input_layernorm.weight"]`, "selects model.layers.0.input_layernorm"},
		{`"target_parameters": ["up_proj.weight"], "lora_dropout": 0.1`, "which PEFT refuses"},
		{`"rank_pattern": ["q_proj"]`, `rank_pattern is ["q_proj"], want an object of whole numbers`},
		{`"task_type": "SEQ_CLS"`, "belongs to a classifier"},
		{`"new_trick": {"strength": 2}`, `unknown keys that are set: new_trick ({"strength":2})`},
		{`"b": [1], "a": "x", "c": null, "d": [], "e": {}, "f": false, "g": 0, "h": ""`, `set: a ("x"), b ([1]);`},
	} {
		t.Run(c.keys, func(t *testing.T) {
			m, _, err := decodeMethod([]byte(`{"peft_type": "LORA", ` + c.keys + `}`))
			if err == nil {
				err = m.Check(threeLayers)
			}
			if err == nil {
				_, err = m.Params(threeLayers)
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestOtherFilesAreNotTakenForPEFTs(t *testing.T) {
	for text, want := range map[string]string{
		`{"peft_type": "P_TUNING"}`: "peft_type P_TUNING is not computed here: it cannot be merged",
		`{"peft_type": "ROAD"}`:     "peft_type ROAD is not computed here: merge it",
		`{"peft_type": "LORA2"}`:    `peft_type "LORA2" is unknown, want LORA or`,
		`{"r": 8}`:                  "peft_type is missing",
		`{"fine_tune_type": "lora", "lora_parameters": {}}`: "it is an adapter of MLX",
		`[1]`:                            "not a JSON object",
		`{"peft_type": "LORA", "r": 8,}`: "not a JSON object",
		`{"peft_type": "LORA", "base_model_name_or_path": 3}`: "base_model_name_or_path is 3, want text",
	} {
		_, _, err := decodeMethod([]byte(text))
		require.ErrorContains(t, err, want, text)
	}
}
