import { shopEvents, shopRoutes } from '@holdfast/api';
import { defineConfig } from '@holdfast/project';
import { shop } from '@holdfast/shop';

export default defineConfig({ ...shop(), routes: [shopRoutes], events: shopEvents });
