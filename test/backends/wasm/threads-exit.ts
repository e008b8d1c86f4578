/**
 * Works with two threads until the second has taken part, and ends without ending anything: the process must end by itself. Prints the
 * chunks that the worker did.
 * @module
 */
import { config, np, random } from 'cotangent';
import { WasmExecutor } from '../../../src/backends/wasm/executor.ts';
import { registerExecutor, setActiveExecutor } from '../../../src/core/executor.ts';

const device = new WasmExecutor({ threads: { cores: 2 } });
registerExecutor('threaded', () => device);
setActiveExecutor('threaded');
config.threads = 2;
const a = random.normal(random.key(1), [300, 300]);
while (device.threadStats().delegatedChunks === 0) np.matmul(a, a);
console.log(device.threadStats().delegatedChunks);
