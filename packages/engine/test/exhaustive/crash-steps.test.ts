import { crashEach } from './crash.ts';
import { operators, steps } from './scenarios.ts';

crashEach({ ...steps, ...operators });
