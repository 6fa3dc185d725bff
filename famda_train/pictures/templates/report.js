// The sliders of a frame move together; whatever moves one (mouse, finger, keyboard) is the browser's.
for (const frame of document.querySelectorAll('.frame')) {
  const sliders = frame.querySelectorAll('input[type=range]');
  for (const slider of sliders)
    slider.addEventListener('input', () => {
      for (const other of sliders) other.value = slider.value;
      frame.style.setProperty('--at', slider.value + '%');
    });
}
