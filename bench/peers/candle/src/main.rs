// SPDX-License-Identifier: MIT OR Apache-2.0
// MiniLM by candle, f32: candle_peer MODEL_FOLDER. A line of token ids on stdin gives a line on stdout: milliseconds to the
// hidden states, and their mean. RAYON_NUM_THREADS is the number of threads.
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert::{BertModel, Config};
use std::io::{stdin, BufRead};
use std::{env, error::Error, fs, time::Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args().nth(1).ok_or("candle_peer MODEL_FOLDER")?;
    let device = Device::Cpu;
    let config: Config = serde_json::from_str(&fs::read_to_string(format!("{folder}/config.json"))?)?;
    let weights = [format!("{folder}/model.safetensors")];
    let builder = unsafe { VarBuilder::from_mmaped_safetensors(&weights, DType::F32, &device)? };
    let model = BertModel::load(builder, &config)?;
    for line in stdin().lock().lines() {
        let ids = line?.split(' ').map(str::parse).collect::<Result<Vec<u32>, _>>()?;
        let input = Tensor::new(&ids[..], &device)?.unsqueeze(0)?;
        let types = input.zeros_like()?;
        let start = Instant::now();
        let states = model.forward(&input, &types, None)?;
        let milliseconds = start.elapsed().as_secs_f64() * 1e3;
        let mean: Vec<f32> = states.mean(1)?.squeeze(0)?.to_vec1()?;
        let mean: Vec<String> = mean.iter().map(f32::to_string).collect();
        println!("{milliseconds} {}", mean.join(" "));
    }
    Ok(())
}
