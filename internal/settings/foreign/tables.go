package foreign

// spelled lists settings that defaults name, with their aliases here.
func spelled() [][2]string {
	return [][2]string{
		{"per_device_train_batch_size", "micro_batch_size"}, {"gradient_accumulation_steps", "grad_accumulation_steps"},
		{"num_train_epochs", "num_epochs epochs"}, {"lr_scheduler_type", "lr_scheduler"},
		{"max_seq_length", "cutoff_len sequence_len max_length max_seq_len"}, {"lora_rank", "lora_r r"},
		{"lora_target_modules", "lora_target target_modules"}, {"val_size", "val_set_size val_split_fraction"},
		{"finetuning_type", "adapter fine_tune_type"}, {"adapter_name_or_path", "lora_model_dir"},
		{"over_long", "overlong excess_length_strategy"},
	}
}

// renamed lists keys and the settings here that have the same values and meaning.
func renamed() [][2]string {
	return [][2]string{
		{"peft_use_rslora", "use_rslora"}, {"model_max_length", "max_seq_length"}, {"dataset_name", "dataset"},
		{"llama_model_path", "model_name_or_path"}, {"accum_iter", "gradient_accumulation_steps"},
		{"steps_per_report", "logging_steps"}, {"steps_per_eval", "eval_steps"}, {"save_every", "save_steps"},
		{"grad_checkpoint", "recompute"}, {"early_stopping_steps", "early_stopping_patience"},
		{"adam_eps", "adam_epsilon"}, {"test_datasets", "eval_dataset"},
		{"lr", "learning_rate"}, {"clip_grad_norm max_norm gradient_clipping", "max_grad_norm"},
		{"block_size", "max_seq_length"},
		{"log_every_n_steps log_interval", "logging_steps"}, {"enable_activation_checkpointing", "recompute"},
		{"train_file train_data train_data_path data_files", "dataset"}, {"keep_last_n_checkpoints", "save_total_limit"},
		{"validation_file eval_data_path validation_data test_file", "eval_dataset"}, {"save_every_n_steps", "save_steps"},
		{"lora_weights", "adapter_name_or_path"},
	}
}

// idle lists reasons why keys have no effect here, and the keys.
func idle() [][2]string {
	return [][2]string{
		{"arithmetic is chosen by compute, and adapters are trained in float32",
			"bf16 fp16 tf32 pure_bf16 bfloat16 float16 float32 torch_dtype dtype compute_dtype infer_dtype " +
				"bf16_full_eval fp16_full_eval fp16_opt_level half_precision_backend upcast_layernorm " +
				"upcast_lmhead_output bnb_4bit_compute_dtype bnb_4bit_quant_storage lora_on_cpu " +
				"peft_autocast_adapter_dtype use_cpu no_cuda use_mps_device experimental_skip_move_to_device"},
		{"data is read by all threads",
			"preprocessing_num_workers preprocessing_batch_size dataloader_num_workers dataloader_pin_memory " +
				"dataloader_prefetch_factor dataloader_persistent_workers dataset_processes dataset_num_proc " +
				"dataset_keep_in_memory data_shared_file_system buffer_size"},
		{"attention and kernels are this program's own",
			"flash_attn flash_attention xformers_attention sdp_attention eager_attention flex_attention " +
				"sage_attention attn_implementation flash_attn_cross_entropy flash_attn_rms_norm flash_attn_fuse_qkv " +
				"flash_attn_fuse_mlp flash_optimum use_unsloth use_unsloth_gc enable_liger_kernel use_liger_kernel " +
				"use_liger liger_rope liger_rms_norm liger_glu_activation liger_layer_norm " +
				"liger_fused_linear_cross_entropy cut_cross_entropy lora_mlp_kernel lora_qkv_kernel lora_o_kernel " +
				"lora_embedding_kernel use_kernels torch_compile torch_compile_backend torch_compile_mode " +
				"use_kv_cache use_cache use_v1_kernels chunked_cross_entropy tiled_mlp fused_attn_kernel " +
				"flex_attn_compile_kwargs liger_rms_norm_gated kernel_config experts_implementation unsloth_lora_mlp " +
				"unsloth_lora_qkv unsloth_lora_o"},
		{"a run writes metrics.jsonl, trainer_state.json, TensorBoard and report.html, and sends nothing",
			"report_to run_name plot_loss wandb_project wandb_entity wandb_watch wandb_name wandb_run_name " +
				"wandb_log_model wandb_run_id use_wandb wandb_mode mlflow_tracking_uri mlflow_experiment_name " +
				"use_mlflow use_tensorboard use_comet comet_project_name use_swanlab swanlab_project swanlab_run_name " +
				"swanlab_mode swanlab_workspace swanlab_api_key swanlab_logdir logging_dir logging_strategy " +
				"logging_first_step log_level disable_tqdm include_num_input_tokens_seen include_tokens_per_second " +
				"include_tkps include_effective_tokens_per_second project_name project trackio_space_id " +
				"log_on_each_node trackio_run_name trackio_project_name swanlab_log_completions " +
				"swanlab_experiment_name swanlab_description swanlab_log_model swanlab_completion_max_buffer " +
				"swanlab_completion_log_interval use_otel_metrics otel_metrics_host otel_metrics_port eval_table_size " +
				"logging_nan_inf_filter skip_memory_metrics"},
		{"a run is one process on one machine",
			"device compile ddp_timeout ddp_find_unused_parameters ddp_backend ddp_bucket_cap_mb ddp_broadcast_buffers " +
				"local_rank deepspeed fsdp fsdp_config fsdp_version fsdp_transformer_layer_cls_to_wrap dp_shard_size " +
				"dp_replicate_size context_parallel_size tensor_parallel_size expert_parallel_size cp_size " +
				"sequence_parallel_degree dist_config gpu gpu_count node_count timeout timeout_preprocess memory " +
				"volumes secrets torchdistx_path gpu_memory_limit device_map ray_num_workers accelerator_config " +
				"world_size ddp use_ray"},
		{"nothing is downloaded or uploaded, and no code of a model is run",
			"push_to_hub hub_model_id hub_strategy hub_token hub_private_repo hub_revision trust_remote_code " +
				"model_revision revision revision_of_model cache_dir hf_hub_token ms_hub_token om_hub_token " +
				"hf_use_auth_token token use_auth_token push_dataset_to_hub"},
		{"the model's own files say it",
			"model_type tokenizer_type processor_type is_llama_derived_model is_mistral_derived_model " +
				"is_falcon_derived_model is_qwen_derived_model use_fast_tokenizer tokenizer_use_fast tokenizer_legacy " +
				"low_cpu_mem_usage base_model_config tokenizer_config lora_task_type task_type"},
		{"an encoded data set is kept in data_cache alone",
			"lazy_preprocess overwrite_cache dataset_prepared_path tokenized_path use_cached_dataset skip_prepare_dataset " +
				"remove_unused_columns"},
		{"a run in output_dir is continued; resume: none refuses one",
			"overwrite_output_dir auto_resume_from_checkpoints"},
		{"a checkpoint holds safetensors and all that a run needs to continue",
			"save_only_model save_safetensors save_on_each_node save_first_step " +
				"restore_callback_states_from_checkpoint"},
		{"sequences are packed without padding, in evaluation too",
			"per_device_eval_batch_size eval_batch_size eval_accumulation_steps pad_to_sequence_len " +
				"pad_to_multiple_of eval_sample_packing eval_packing auto_find_batch_size torch_empty_cache_steps " +
				"group_by_length gc_steps padding_side pad_token padding_free dataset_kwargs " +
				"ignore_pad_token_for_loss val_batches test_batches eval_delay eval_on_start"},
		{"recomputed activations are the same bits",
			"gradient_checkpointing_kwargs use_reentrant_gc activation_offloading"},
		{"constants of quantized blocks are float32",
			"double_quantization bnb_4bit_use_double_quant use_bnb_nested_quant quantization_device_map"},
		{"it speaks of images, video or sound; this model reads text",
			"image_max_pixels image_min_pixels video_max_pixels video_min_pixels video_fps video_maxlen " +
				"freeze_vision_tower freeze_multi_modal_projector freeze_language_model media_dir audio_sampling_rate " +
				"freeze_mm_modules"},
		{"the program's commands say it",
			"do_train do_predict train test strict debug is_preprocess prediction_loss_only label_names " +
				"include_for_metrics"},
		{"answers are made by fettle generate and fettle chat, with settings of their own",
			"predict_with_generate max_new_tokens temperature top_p top_k do_sample num_beams sample_backend"},
		{"the order of the data is drawn by seed",
			"data_seed seed_worker"},
		{"a loss that is not finite stops a run",
			"loss_watchdog_threshold loss_watchdog_patience"},
	}
}

// refused lists what to do about keys that mean something that this program does not do, and the keys.
func refused() [][2]string {
	return [][2]string{
		{"a step here counts sequences, not packed blocks: leave it out, and set per_device_train_batch_size " +
			"to the number of sequences that a block holds (fettle inspect shows lengths)",
			"packing sample_packing neat_packing packing_strategy pretrain_multipack_attn " +
				"sample_packing_sequentially streaming_multipack_buffer_size batch_flattening " +
				"curriculum_sampling multipack_real_batches"},
		{"write max_samples, which is for training and evaluation alike; parts of a data set are not read",
			"max_train_samples max_eval_samples dataset_shard_num dataset_shard_idx"},
		{"NEFTune's noise is not done here: leave it out",
			"neftune_noise_alpha noisy_embedding_alpha"},
		{"DoRA is not done here: leave it out for plain LoRA",
			"use_dora peft_use_dora"},
		{"another method than plain LoRA: leave it out",
			"use_qalora pissa_init pissa_convert loftq_config loftq_init init_lora_weights peft_init_lora_weights " +
				"use_llama_pro use_galore use_apollo use_badam use_adam_mini use_muon galore_layerwise " +
				"apollo_layerwise loraplus_lr_ratio lorap_lr_ratio shift_attn s2_attention mixture_of_depths relora " +
				"lisa_n_layers lisa_step_interval use_dft_loss use_asft_loss use_eaft_loss use_eaft " +
				"label_smoothing_factor quantize_moe_experts model_quantization_config " +
				"model_quantization_config_kwargs num_labels diffusion lora_target_parameters target_parameters " +
				"unfrozen_parameters freeze_trainable_layers freeze_extra_modules reinit_weights lora_fan_in_fan_out " +
				"use_kt use_mca train_from_scratch layer_replication peft_layer_replication"},
		{"rank, alpha and targets are the same in all layers of a new adapter: leave it out",
			"lora_rank_pattern lora_alpha_pattern rank_pattern alpha_pattern peft_layers_to_transform " +
				"peft_layers_pattern layers_to_transform layers_pattern lora_layers_to_transform"},
		{"the vocabulary stays the base's: add tokens to the model's files first",
			"resize_vocab add_tokens add_special_tokens new_special_tokens_config tokens eos_token " +
				"added_tokens_overrides resize_token_embeddings_to_32x eot_tokens"},
		{"preference and reinforcement learning are not done here",
			"rl trl ref_model reward_model reward_model_type process_reward_model pref_ftx ppo_epochs " +
				"ppo_buffer_size kto_chosen_weight kto_rejected_weight dpo_beta rl_beta pref_loss pref_beta " +
				"simpo_gamma orpo_alpha cpo_alpha ebft vllm"},
		{"another arithmetic than quantization: int8 here, or of no meaning on CPUs: leave it out, and write " +
			"quantization: int8 or nf4",
			"load_in_8bit gptq gptq_groupsize gptq_model_v1 quant_config fp8 qat quantization_method_kwargs " +
				"bnb_config_kwargs"},
		{"the base's positions are its own: set rope_scaling in the model's config.json",
			"rope_scaling rope_theta"},
		{"one data set after another, shuffled together: leave it out, or set dataset_weights",
			"mix_strategy interleave_probs interleave_probabilities streaming shuffle_before_merging_datasets " +
				"dataset_exact_deduplication eval_on_each_dataset"},
		{"for plain text write dataset, with dataset_format: text",
			"pretraining_dataset"},
		{"a rate of its own for a part of the weights is not done here",
			"embedding_lr embedding_lr_scale lr_groups loraplus_lr_embedding"},
		{"write lr_scheduler_type: cosine_with_min_lr with lr_scheduler_kwargs: min_lr_rate=… for a rate that " +
			"ends above 0",
			"cosine_min_lr_ratio cosine_constant_lr_ratio lr_quadratic_warmup lr_div_factor eta_min lr_schedule " +
				"min_lr"},
		{"here learning_rate is the peak: write blr × sequences of a step / 256",
			"blr"},
		{"write warmup_ratio: warmup_epochs / num_train_epochs",
			"warmup_epochs"},
		{"settings of another optimizer than AdamW: leave it out",
			"optim_args optim_target_modules optimizer_config adam_beta3 adam_epsilon2"},
		{"every answer is learned by its recipe: recipe: chat_template or a file.jinja decides about the end " +
			"of an answer",
			"train_on_eos train_on_eot default_system default_system_message tool_format chat_template_kwargs " +
				"enable_thinking preserve_thinking efficient_eos"},
		{"lower and upper limits of another kind: leave it out, or see fettle inspect",
			"min_sample_len max_prompt_len max_prompt_length max_completion_length eval_sequence_len " +
				"max_packed_sequence_len"},
		{"an adapter of any form, mlx-lm's too, is continued with adapter_name_or_path: its directory or file",
			"resume_adapter_file"},
		{"a run writes its result to output_dir and merges nothing: leave it out, and run fettle merge or export after it",
			"export_dir"},
		{"a run trains; its evaluations are before, during and after: leave it out",
			"do_eval_only"},
	}
}
