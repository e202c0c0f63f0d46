import { defineConfig } from 'holdfast';
import { offer } from './flows/offer.ts';
import { quotes } from './providers/quotes.ts';

export default defineConfig({ flows: [offer], providers: [quotes] });
