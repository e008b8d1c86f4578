/**
 * PyTorch's `torch.utils.data`.
 * @module
 */
export { ConcatDataset, type Dataset, randomSplit, Subset, TensorDataset } from './dataset.ts';
export {
  type Collated,
  DataLoader,
  defaultCollate,
  type LoaderOptions,
  RandomSampler,
  type RandomSamplerOptions,
  type Sampler,
  SequentialSampler,
} from './loader.ts';
