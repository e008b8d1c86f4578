/**
 * The composite cases, written as a user of the library would write them, by name of the case. A case that is not
 * here runs from its Python source.
 * @module
 */

import { batchingPorts } from './batching.ts';
import { controlFlowPorts } from './control-flow.ts';
import { derivativePorts } from './derivatives.ts';
import { modelPorts } from './models.ts';
import { optimizerPorts } from './optimizers.ts';
import type { Port } from './port.ts';

export const ports: Readonly<Record<string, Port>> = {
  ...derivativePorts,
  ...batchingPorts,
  ...controlFlowPorts,
  ...modelPorts,
  ...optimizerPorts,
};
