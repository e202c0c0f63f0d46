export { editionOf } from './edition.ts';
export { ANSWERS } from './picture.ts';
export {
  iso,
  NextActionJson,
  presentFailure,
  presentNextAction,
  presentRun,
  presentRunTo,
  RunErrorJson,
  RunJson,
  RunListJson,
  time,
} from './run-json.ts';
export { type AsOf, diedAt, isCancelRequested, pauseText, standing, startOf, willEnd } from './standing.ts';
export { shortId } from './story.ts';
export { type TimelineOptions, timelineSize, timelineStory, timelineSvg } from './timeline.ts';
export { counted, inWords, listed, moment } from './words.ts';
