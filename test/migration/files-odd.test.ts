// O_PATH, directories, renamed and re-linked files.
import { carries } from '../helpers/round-trip.ts';

await carries('files-odd', 'unusual descriptors stay what they are');
