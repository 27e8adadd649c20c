// The Credits page's scripts. The page works without them; they keep it current and save clicks.

import { startBuying } from "./buying.js";
import { startDialogs } from "./dialogs.js";
import { startEstimator } from "./estimator.js";
import { startLooking } from "./live.js";
import { startParts } from "./parts.js";

startParts();
startDialogs();
startBuying();
startEstimator();
startLooking();
