// The map of the page: figures and chat live side by side and do not know each other.
import { startChat } from "./chat.js";
import { startFigures } from "./figures.js";

startFigures();
startChat();
