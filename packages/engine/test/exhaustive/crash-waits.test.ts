import { crashEach } from './crash.ts';
import { children, waits } from './scenarios.ts';

crashEach({ ...waits, ...children });
